/* thurn queue: look at the messages on their way, and say what becomes of them. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "queue_ask.h"

enum { LOGIN_TEXT_MAX = 512 };

static int do_summary(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	(void)argv;
	if (argc != 1)
		return tool_fail(EX_USAGE, "usage: thurn queue summary [--json]");
	return queue_summary(json);
}

static int do_list(int argc, char **argv)
{
	bool summary = tool_flag(&argc, argv, "summary", 's');
	bool json = tool_flag(&argc, argv, "json", 'j');

	if (summary && argc == 1)
		return queue_summary(json);
	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return tool_fail(EX_USAGE, "usage: thurn queue list [--json] [--summary] [WHERE]");
	return queue_list(argc == 2 ? argv[1] : "", json);
}

static int do_logins(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return tool_fail(EX_USAGE, "usage: thurn queue logins [--json] [LOGIN]");
	return queue_logins(argc == 2 ? argv[1] : "", json);
}

static int do_show(int argc, char **argv)
{
	unsigned parts = 0;

	parts |= tool_flag(&argc, argv, "envelope", 'e') ? PART_ENVELOPE : 0;
	parts |= tool_flag(&argc, argv, "header", 'h') ? PART_HEADER : 0;
	parts |= tool_flag(&argc, argv, "body", 'b') ? PART_BODY : 0;
	if (argc != 2 || argv[1][0] == '-')
		return tool_fail(EX_USAGE, "usage: thurn queue show [-e] [-h] [-b] ID");
	if (parts == 0)
		parts = PART_ENVELOPE | PART_HEADER | PART_BODY;
	return queue_show(argv[1], parts);
}

/* The action is the sub-command's own name. To try all now is harmless, so flush needs no ALL. */
static int do_act(int argc, char **argv)
{
	const char *note = "", *action = argv[0];
	char login[LOGIN_TEXT_MAX];
	char *const of_login[] = { login, NULL };
	char *const all[] = { (char *)(uintptr_t) "ALL", NULL };
	char *const *ids = argv + 1;
	uint64_t count = 0;
	int r;

	if (argc > 2 && strcmp(ids[0], "--note") == 0) {
		note = ids[1];
		ids += 2;
	}
	if (ids[0] != NULL && ids[1] != NULL && strcmp(ids[0], "--login") == 0) {
		if (ids[2] != NULL ||
		    snprintf(login, sizeof login, "login=%s", ids[1]) >= (int)sizeof login)
			return tool_fail(EX_USAGE, "--login takes one login, and no ids");
		ids = of_login;
	}
	if (ids[0] == NULL && strcmp(action, "flush") == 0)
		ids = all;
	if (ids[0] == NULL)
		return tool_fail(EX_USAGE,
		    "usage: thurn queue %s [--note TEXT] ID ... | ALL | - | --login LOGIN", action);
	r = queue_act_each(action, ids, note, &count);
	printf("%s: %llu message%s\n", action, (unsigned long long)count, count == 1 ? "" : "s");
	return r;
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *help;
} actions[] = {
	{ "list", do_list, "[--json] [WHERE]    messages, as mailq shows them" },
	{ "summary", do_summary, "[--json]         counters" },
	{ "logins", do_logins, "[--json] [LOGIN]  what they have sent to other hosts" },
	{ "show", do_show, "[-e] [-h] [-b] ID   envelope, header, body of a message" },
	{ "hold", do_act, "ID ... | ALL | -    do not try it until it is released" },
	{ "release", do_act, "ID ... | ALL | -" },
	{ "requeue", do_act, "ID ... | ALL | -    route it anew" },
	{ "delete", do_act, "ID ... | ALL | -    without a notice to anybody" },
	{ "flush", do_act, "[ID ... | ALL | -]  try it now, without more: all" },
	{ "expire", do_act, "ID ... | ALL | -    return it to its sender" },
};

int cmd_queue(int argc, char **argv)
{
	if (argc < 2)
		return queue_list("", false);
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (strcmp(argv[1], actions[i].name) == 0)
			return actions[i].fn(argc - 1, argv + 1);
	fprintf(stderr, "usage: thurn queue ACTION ...\n");
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		fprintf(stderr, "  %-8s %s\n", actions[i].name, actions[i].help);
	return EX_USAGE;
}
