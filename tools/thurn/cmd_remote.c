/* thurn remote quirks: what other servers say that they can do and cannot; shown, added, deleted. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "proto/quirk.h"
#include "proto/types.h"

static void print_time(json_t *o, const char *what)
{
	time_t t = (time_t)json_integer_value(json_object_get(o, what));
	char text[64];
	struct tm tm;

	if (t != 0 && localtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%F %T", &tm) > 0)
		printf(" %s %s", what, text);
}

static void on_quirk(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	const char *reason = json_string_value(json_object_get(o, "reason"));

	(void)arg;
	(void)m;
	printf("%s %s, %s", json_string_value(json_object_get(o, "host")),
	    json_string_value(json_object_get(o, "quirk")),
	    json_is_true(json_object_get(o, "found")) ? "found out" : "set");
	print_time(o, "since");
	print_time(o, "until");
	if (reason != NULL && reason[0] != '\0')
		printf(": %s", reason);
	putchar('\n');
	json_decref(o);
}

static int list(bool json)
{
	struct put w = put_start();

	return tool_ask("queue", QUEUE_CTL_QUIRKS, &w, json ? tool_print_record : on_quirk, NULL);
}

static int set(
    const char *host, const char *name, bool on, const char *how_long, const char *reason)
{
	int kind = quirk_kind(str_of(name));
	struct quirk q = { .host = str_of(host), .on = on, .reason = str_of(reason) };
	struct put w = put_start();
	int64_t ms = 0;

	if (kind == -1)
		return tool_fail(EX_USAGE,
		    "%s: a quirk is pipelining, chunking, starttls, 8bitmime, smtputf8, size or "
		    "dsn",
		    name);
	if (!quirk_host_valid(q.host))
		return tool_fail(EX_USAGE, "\"%s\" is no name or address of a host", host);
	if (how_long != NULL &&
	    (setting_number(SET_TIME, str_of(how_long), &ms) == -1 || ms < 1000))
		return tool_fail(EX_USAGE, "%s: no time such as 90s, 30m, 2h or 1d", how_long);
	q.kind = (uint8_t)kind;
	put_i64(&w, ms / 1000);
	put_quirk(&w, &q);
	return tool_ask("queue", QUEUE_CTL_QUIRK, &w, tool_print_record, NULL);
}

static int usage(void)
{
	return tool_usage("thurn remote quirks [--json] | quirks add [--for TIME] "
			  "[--reason TEXT] HOST QUIRK | "
			  "quirks delete HOST QUIRK");
}

int cmd_remote(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');
	const char *how_long = tool_value(&argc, argv, "for");
	const char *reason = tool_value(&argc, argv, "reason");
	const char *what = argc > 2 ? argv[2] : "list";

	if (argc < 2 || strcmp(argv[1], "quirks") != 0)
		return usage();
	if (argc <= 3 && strcmp(what, "list") == 0)
		return list(json);
	if (argc == 5 && strcmp(what, "add") == 0)
		return set(argv[3], argv[4], true, how_long, reason != NULL ? reason : "");
	if (argc == 5 && strcmp(what, "delete") == 0)
		return set(argv[3], argv[4], false, NULL, "");
	return usage();
}
