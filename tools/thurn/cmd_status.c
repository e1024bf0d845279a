/*
 * thurn status: every process with uid, pid, uptime, restarts, and the sandbox layers in force.
 * Lines of JSON as master gives them (and the uid as the kernel has it), or a table of them.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "proto/types.h"

struct report {
	bool json;
	unsigned bad; /* processes that are not as they should be */
};

/* Real user id of a process by /proc, or -1. */
static long uid_of(long pid)
{
	char path[64], line[256];
	long uid = -1;
	FILE *fp;

	snprintf(path, sizeof path, "/proc/%ld/status", pid);
	fp = fopen(path, "re");
	if (fp == NULL)
		return -1;
	while (fgets(line, sizeof line, fp) != NULL)
		if (strncmp(line, "Uid:", 4) == 0)
			uid = strtol(line + 4, NULL, 10);
	fclose(fp);
	return uid;
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "-";
}

static void uptime_text(json_int_t ms, char *out, size_t size)
{
	long long s = ms / 1000;

	if (s < 60)
		snprintf(out, size, "%llds", s);
	else if (s < 3600)
		snprintf(out, size, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, size, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, size, "%lldd%02lldh", s / 86400, s / 3600 % 24);
}

static void print_process(json_t *o)
{
	char uptime[32] = "-", name[64];
	json_int_t instance = json_integer_value(json_object_get(o, "instance"));
	json_t *layer;
	size_t i;

	snprintf(name, sizeof name, "%s", text_of(o, "process"));
	if (json_object_get(o, "instance") != NULL && instance > 0)
		snprintf(name, sizeof name, "%s/%lld", text_of(o, "process"), (long long)instance);
	if (json_object_get(o, "uptime_ms") != NULL)
		uptime_text(
		    json_integer_value(json_object_get(o, "uptime_ms")), uptime, sizeof uptime);
	printf("%-20s %-9s %7lld %10lld %8s %4lld  ", name, text_of(o, "state"),
	    (long long)json_integer_value(json_object_get(o, "pid")),
	    (long long)json_integer_value(json_object_get(o, "uid")), uptime,
	    (long long)json_integer_value(json_object_get(o, "restarts")));
	json_array_foreach(json_object_get(o, "layers"), i, layer)
	    printf("%s%s", i > 0 ? " " : "", json_string_value(layer));
	putchar('\n');
}

static void on_record(void *arg, struct str json, struct ipc_msg *m)
{
	struct report *r = arg;
	json_t *o = json_loadb(json.p, json.n, 0, NULL), *pid;

	(void)m;
	if (o == NULL)
		return;
	pid = json_object_get(o, "pid");
	if (json_integer_value(pid) > 0)
		json_object_set_new(o, "uid", json_integer(uid_of((long)json_integer_value(pid))));
	if (strcmp(text_of(o, "state"), "waiting") == 0)
		r->bad++;
	if (r->json) {
		char *line = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);

		puts(line);
		free(line);
	} else if (json_object_get(o, "process") != NULL) {
		print_process(o);
	} else if (json_object_get(o, "listener") != NULL) {
		printf("listener %-11s %s, port %lld\n", text_of(o, "listener"),
		    text_of(o, "socket"),
		    (long long)json_integer_value(json_object_get(o, "port")));
	}
	json_decref(o);
}

int cmd_status(int argc, char **argv)
{
	struct report r = { .json = tool_flag(&argc, argv, "json", 'j') };
	struct put w = put_start();
	struct control_answer answer;
	struct control c;

	if (argc != 1)
		return tool_fail(EX_USAGE, "usage: thurn status [--json]");
	if (tool_control(&c, "control") == -1)
		return EX_UNAVAILABLE;
	if (!r.json)
		printf("%-20s %-9s %7s %10s %8s %4s  %s\n", "PROCESS", "STATE", "PID", "UID",
		    "UPTIME", "REST", "SANDBOX");
	if (control_ask(&c, CONTROL_STATUS, &w, on_record, &r, &answer) == -1)
		return tool_fail(EX_NOPERM, "no answer: only the owner of the suite is told");
	control_close(&c);
	if (answer.status != 0)
		return tool_fail((int)answer.status, "%s", answer.text);
	return r.bad == 0 ? EX_OK : EX_TEMPFAIL;
}
