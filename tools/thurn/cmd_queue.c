/* thurn queue: look at the messages on their way, and say what becomes of them. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "queue_ask.h"
#include "queue_dest.h"
#include "queue_route.h"

enum { SHAPE_ROWS = 20 };

static struct str where_login(struct arena *a, const char *login)
{
	return arena_printf(a, "login=%.*s", STR_ARG(queue_value(a, login)));
}

static int do_summary(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	(void)argv;
	if (argc != 1)
		return tool_usage("thurn queue summary [--json]");
	return queue_summary(json);
}

/* What is in an address, or an id. */
static struct str where_text(struct arena *a, const char *text)
{
	struct str value = queue_value(a, text);

	/* as it was before there were queries */
	if (strncmp(text, "login=", 6) == 0)
		return where_login(a, text + 6);
	return arena_printf(a, "id=%.*s or sender~%.*s or rcpt~%.*s", STR_ARG(value),
	    STR_ARG(value), STR_ARG(value));
}

static int list(int argc, char **argv, bool trash)
{
	bool summary = tool_flag(&argc, argv, "summary", 's');
	bool json = tool_flag(&argc, argv, "json", 'j');
	const char *where = tool_value(&argc, argv, "where");
	struct arena a;
	int r;

	if (summary && argc == 1 && where == NULL)
		return queue_summary(json);
	if (summary || argc > 2 || (argc == 2 && (where != NULL || argv[1][0] == '-')))
		return tool_usage("thurn queue list [--json] [--summary | --where QUERY | TEXT]");
	arena_init(&a);
	if (argc == 2 && argv[1][0] != '\0')
		where = where_text(&a, argv[1]).p;
	r = queue_list(where != NULL ? where : "", trash, json);
	arena_clear(&a);
	return r;
}

static int do_list(int argc, char **argv)
{
	return list(argc, argv, false);
}

/* "state=A or state=B" of names; NULL: one of them is none. */
static const char *where_states(struct arena *a, char *const *names)
{
	struct str where = STR_NONE;

	for (; *names != NULL; names++) {
		if ((*names)[0] == '-')
			return NULL;
		where = arena_printf(a, "%.*s%sstate=%.*s", STR_ARG(where),
		    where.n > 0 ? " or " : "", STR_ARG(queue_value(a, *names)));
	}
	return where.p;
}

static int do_shape(int argc, char **argv)
{
	bool by_sender = tool_flag(&argc, argv, "senders", 's');
	bool json = tool_flag(&argc, argv, "json", 'j');
	const char *where = tool_value(&argc, argv, "where");
	const char *rows = tool_value(&argc, argv, "rows");
	uint64_t n = SHAPE_ROWS;
	struct arena a;
	int r;

	arena_init(&a);
	if (where == NULL)
		where = where_states(&a, argv + 1);
	else if (argc > 1)
		where = NULL;
	if (where == NULL || (rows != NULL && str_u64(str_of(rows), UINT32_MAX, &n) == -1))
		r = tool_usage("thurn queue shape [--json] [--senders] [--rows N] "
			       "[--where QUERY | incoming | active | deferred | hold ...]");
	else
		r = queue_shape(where, by_sender, (uint32_t)n, json);
	arena_clear(&a);
	return r;
}

static int do_logins(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return tool_usage("thurn queue logins [--json] [LOGIN]");
	return queue_logins(argc == 2 ? argv[1] : "", json);
}

static int do_show(int argc, char **argv)
{
	unsigned parts = 0;

	parts |= tool_flag(&argc, argv, "envelope", 'e') ? PART_ENVELOPE : 0;
	parts |= tool_flag(&argc, argv, "header", 'h') ? PART_HEADER : 0;
	parts |= tool_flag(&argc, argv, "json", 'j') ? PART_JSON : 0;
	parts |= tool_flag(&argc, argv, "body", 'b') ? PART_BODY : 0;
	if (argc != 2 || argv[1][0] == '-')
		return tool_usage("thurn queue show [-e] [-h] [-b] [-j] ID");
	if (parts == 0)
		parts = PART_ENVELOPE | PART_HEADER | PART_BODY;
	return queue_show(argv[1], parts);
}

/* Tells what was done, or would be. */
static void told(const struct queue_order *o)
{
	if (o->json) {
		tool_fact("action", json_string(o->action));
		tool_fact("count", json_integer((json_int_t)o->count));
		tool_fact("dry_run", json_boolean(o->dry));
	} else {
		printf("%s: %llu message%s%s\n", o->action, (unsigned long long)o->count,
		    o->count == 1 ? "" : "s", o->dry ? " (dry run: nothing was done)" : "");
	}
}

/* def: what it is done to when nothing is said; NULL = that is an error. */
static int act(const char *action, const char *def, int argc, char **argv)
{
	struct queue_order o = { .action = action };
	const char *where, *login, *nexthop = NULL;
	struct arena a;
	int r;

	o.json = tool_json(&argc, argv);
	o.dry = tool_flag(&argc, argv, "dry-run", 'n');
	o.note = tool_value(&argc, argv, "note");
	if (strcmp(action, "redirect") == 0) {
		o.to = tool_value(&argc, argv, "to");
		o.nexthop = nexthop = tool_value(&argc, argv, "nexthop");
	}
	where = tool_value(&argc, argv, "where");
	login = tool_value(&argc, argv, "login");
	if (argc == 1 && where == NULL && login == NULL)
		where = def;
	if ((argc > 1) + (where != NULL) + (login != NULL) != 1 ||
	    (argc > 1 && argv[1][0] == '-' && argv[1][1] != '\0'))
		return tool_usage("thurn queue %s [--json] [--dry-run] [--note TEXT] "
				  "ID ... | ALL | - | --where QUERY | --login LOGIN",
		    argv[0]);
	arena_init(&a);
	if (o.nexthop != NULL && (o.nexthop = queue_hop(&a, nexthop)) == NULL) {
		arena_clear(&a);
		return tool_fail(
		    EX_USAGE, "%s: no next hop such as smtp:[mail.example.net]:25", nexthop);
	}
	if (login != NULL)
		where = where_login(&a, login).p;
	r = where != NULL ? queue_act(&o, str_of(where)) : queue_act_each(&o, argv + 1);
	arena_clear(&a);
	if (r == EX_OK || o.count > 0 || argc > 1)
		told(&o);
	return r;
}

/* The action is the sub-command's own name. To try all now is harmless, so flush needs no ALL. */
static int do_act(int argc, char **argv)
{
	return act(argv[0], strcmp(argv[0], "flush") == 0 ? "ALL" : NULL, argc, argv);
}

static int do_undo(int argc, char **argv)
{
	return act("restore", "LAST", argc, argv);
}

static int do_trash(int argc, char **argv)
{
	const char *what = "list";

	if (argc > 1 && argv[1][0] != '-') {
		what = argv[1];
		argc--;
		argv++;
	}
	if (strcmp(what, "list") == 0)
		return list(argc, argv, true);
	if (strcmp(what, "restore") == 0 || strcmp(what, "empty") == 0)
		return act(what, strcmp(what, "empty") == 0 ? "ALL" : NULL, argc, argv);
	return tool_usage("thurn queue trash [list | restore | empty] ...");
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *help;
} actions[] = {
	{ "list", do_list, "[--json] [--where QUERY | TEXT]  messages, as mailq shows them" },
	{ "summary", do_summary, "[--json]         counters" },
	{ "shape", do_shape, "[-s] [STATE ...]  how old what waits is, by domain" },
	{ "logins", do_logins, "[--json] [LOGIN]  what they have sent to other hosts" },
	{ "show", do_show,
	    "[-e] [-h] [-b] [-j] ID   envelope, transcripts, header, body of a message" },
	{ "hold", do_act, "ID ... | ALL | - | --where QUERY  do not try it until it is released" },
	{ "release", do_act, "ID ... | ALL | -" },
	{ "requeue", do_act, "ID ... | ALL | -    route it anew" },
	{ "delete", do_act, "ID ... | ALL | -    without a notice to anybody" },
	{ "redirect", do_act, "--to ADDRESS | --nexthop HOP  ID ... | --where QUERY" },
	{ "undo", do_undo,
	    "[ID ... | --where QUERY]  bring back what was deleted; without more: last" },
	{ "trash", do_trash, "[list | restore | empty] ...  what was deleted lately" },
	{ "flush", do_act, "[ID ... | ALL | -]  try it now, without more: all" },
	{ "why", queue_do_why, "[--json] DESTINATION  what keeps mail for it from going now" },
	{ "suspend", queue_do_suspend, "[--for TIME] [--reason TEXT] DESTINATION | --source NAME" },
	{ "resume", queue_do_resume, "DESTINATION" },
	{ "suspended", queue_do_suspended, "[--json]   destinations and sources that are" },
	{ "sources", queue_do_sources, "[--json] [POOL]   addresses that mail goes out from" },
	{ "expire", do_act, "ID ... | ALL | -    return it to its sender" },
};

int cmd_queue(int argc, char **argv)
{
	int status;

	if (argc < 2)
		return queue_list("", false, false);
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (strcmp(argv[1], actions[i].name) == 0)
			return actions[i].fn(argc - 1, argv + 1);
	status = tool_usage("thurn queue ACTION ...");
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		fprintf(tool_usage_file(), "  %-8s %s\n", actions[i].name, actions[i].help);
	return status;
}
