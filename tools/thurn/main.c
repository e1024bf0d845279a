/*
 * thurn: the one command to run and look after the suite.
 *
 *	thurn [-c CONF] COMMAND [OPTIONS]
 *
 * CONF chooses the instance. Called by a name of Postfix's tools (postqueue, postmap, ...) it
 * behaves as that tool (compat.c).
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "compat.h"

struct command {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{ "start", cmd_start, "start the suite [--foreground]" },
	{ "stop", cmd_stop, "let it finish its work and end" },
	{ "reload", cmd_reload, "take the changed configuration, all of it or nothing" },
	{ "status", cmd_status,
	    "processes, their uids, sandboxes and counts [--counts | --json | --metrics]" },
	{ "queue", cmd_queue, "list, show, hold, release, requeue, delete, flush, expire" },
	{ "user", cmd_user,
	    "add, passwd, set, list, show, disable, delete, import, log, undo, ..." },
	{ "domain", cmd_domain, "set, list what holds for the accounts of a domain" },
	{ "alias", cmd_alias, "set, show, delete, list addresses that lead to others" },
	{ "auth", cmd_auth, "test a login" },
	{ "map", cmd_map, "make lookup tables and ask them (options of postmap)" },
	{ "tls", cmd_tls,
	    "check [HOST[:PORT]], reload, status: certificates and what clients see of them" },
	{ "dkim", cmd_dkim, "status, record [NAME], check [NAME]: keys that mail is signed with" },
	{ "explain", cmd_explain,
	    "dns NAME [TYPE ...], route FROM TO, reply HOST REPLY: what is decided, and why "
	    "[--json]" },
	{ "remote", cmd_remote, "quirks: what other servers say that they can do and cannot" },
	{ "log", cmd_log, "follow, rotate, find ID" },
	{ "config", cmd_config, "show [-d|-n] [NAME], get NAME, check" },
};

static int usage(FILE *to)
{
	fprintf(to, "usage: thurn [-c CONF] COMMAND [OPTIONS]\n\n");
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\nCONF is %s unless given; thurn(8) tells more.\n", THURN_CONF);
	return to == stdout ? EX_OK : EX_USAGE;
}

static int run(const struct command *c, int argc, char **argv)
{
	char name[64];

	snprintf(name, sizeof name, "thurn %s", c->name);
	tool_set_name(name);
	tool_look_for_help(argc, argv);
	return tool_result(c->fn(argc, argv));
}

int main(int argc, char **argv)
{
	const struct compat *alias = argc > 0 ? compat_find(argv[0]) : NULL;
	int i = 1;

	if (alias != NULL) {
		tool_set_name(alias->name);
		return alias->fn(argc, argv);
	}
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			tool_set_conf_path(argv[++i]);
		else if (strcmp(argv[i], "--version") == 0)
			return printf("thurn %s\n", THURN_VERSION) > 0 ? EX_OK : EX_IOERR;
		else
			return usage(strcmp(argv[i], "--help") == 0 ? stdout : stderr);
	}
	if (i == argc)
		return usage(stderr);
	for (size_t k = 0; k < sizeof commands / sizeof commands[0]; k++)
		if (strcmp(argv[i], commands[k].name) == 0)
			return run(&commands[k], argc - i, argv + i);
	if (strcmp(argv[i], "help") == 0)
		return usage(stdout);
	tool_warn("there is no command \"%s\"", argv[i]);
	return usage(stderr);
}
