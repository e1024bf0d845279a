/* thurn queue why, suspend, resume, suspended: destinations, and what keeps mail from them. */
#include "queue_dest.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "explain.h"
#include "proto/types.h"
#include "queue_ask.h"
#include "queue_route.h"

static long long number_of(json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void print_time(long long seconds)
{
	time_t t = (time_t)seconds;
	char text[64];
	struct tm tm;

	if (localtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%F %T", &tm) > 0)
		fputs(text, stdout);
}

/* --- why ------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *text;
} limiters[] = {
	{ "none", "nothing holds it up" },
	{ "volume", "the file system of the spool has failed: nothing is delivered" },
	{ "suspended", "suspended by the administrator, or by a rule for what it has said" },
	{ "worker", "there is no process for this transport now" },
	{ "dns", "where it is is being asked of the resolver" },
	{ "dead", "suspended after repeated failures of the site" },
	{ "busy", "paused, because the site said that it is busy" },
	{ "window", "as many deliveries as have turned out well so far are under way" },
	{ "cap", "as many deliveries as are allowed at once are under way" },
	{ "rate", "as much has gone there as its rate allows" },
	{ "sources", "none of the sources that it may go out from can have more now" },
	{ "jobs", "as many deliveries as all destinations may have together are under way" },
	{ "transport-rate", "as much has gone to all as their rate allows" },
	{ "lane", "others have their turn" },
	{ "retry", "what has failed waits for its next try" },
};

/* Messages for it that wait for their own time. */
struct waiting {
	long long messages, next;
};

static void on_waiting(void *arg, struct str json, struct ipc_msg *m)
{
	struct waiting *w = arg;
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	long long next = number_of(o, "next_try");

	(void)m;
	w->messages++;
	if (next != 0 && (w->next == 0 || next < w->next))
		w->next = next;
	json_decref(o);
}

static void add_waiting(json_t *o, const char *domain)
{
	struct waiting waiting = { 0 };
	struct put w = put_start();
	struct arena a;
	struct control_answer answer;

	arena_init(&a);
	put_str(&w, arena_printf(&a, "rcpt-domain=%.*s and state=deferred",
			STR_ARG(queue_value(&a, domain))));
	put_u8(&w, false); /* not of the trash */
	if (tool_request("queue", QUEUE_CTL_LIST, &w, on_waiting, &waiting, &answer) == 0 &&
	    answer.status == EX_OK) {
		json_object_set_new(o, "deferred", json_integer(waiting.messages));
		if (waiting.next != 0)
			json_object_set_new(o, "next_try", json_integer(waiting.next));
		if (waiting.messages > 0 && strcmp(text_of(o, "limiter"), "none") == 0) {
			long long wait = waiting.next - (long long)time(NULL);

			json_object_set_new(o, "limiter", json_string("retry"));
			json_object_set_new(o, "wait_ms", json_integer(wait > 0 ? wait * 1000 : 0));
		}
	}
	arena_clear(&a);
}

static void print_lanes(const char *margin, const char *what, json_t *o)
{
	const char *name;
	json_t *n;

	printf("%s  %s:", margin, what);
	json_object_foreach(o, name, n) printf(" %s %lld", name, (long long)json_integer_value(n));
	putchar('\n');
}

static void print_limiter(const char *margin, json_t *o)
{
	const char *limiter = text_of(o, "limiter");
	json_t *s = json_object_get(o, "suspension");
	long long wait = number_of(o, "wait_ms");

	for (size_t i = 0; i < sizeof limiters / sizeof limiters[0]; i++) {
		if (strcmp(limiters[i].name, limiter) == 0)
			printf("%s  limited by: %s (%s)", margin, limiter, limiters[i].text);
	}
	if (text_of(o, "rate")[0] != '\0')
		printf(", %s", text_of(o, "rate"));
	if (wait > 0)
		printf(", for %lld.%03lld s", wait / 1000, wait % 1000);
	else if (s != NULL)
		printf(", until it is resumed");
	putchar('\n');
	if (s != NULL && text_of(s, "reason")[0] != '\0')
		printf("%s  reason: %s\n", margin, text_of(s, "reason"));
}

static void print_suspension(json_t *o)
{
	const char *rule = text_of(o, "rule");
	long long slowed = number_of(o, "slowed");

	if (slowed != 0)
		printf(", slowed down %lld times,", slowed);
	if (text_of(o, "source_pool")[0] != '\0')
		printf(", mail of %s,", text_of(o, "source_pool"));
	if (text_of(o, "moved_to")[0] != '\0')
		printf(", moved to %s,", text_of(o, "moved_to"));
	printf(" since ");
	print_time(number_of(o, "since"));
	if (number_of(o, "until") != 0) {
		printf(" until ");
		print_time(number_of(o, "until"));
	}
	if (rule[0] != '\0')
		printf(" by rule %s (%s)", rule, text_of(o, "where"));
	if (text_of(o, "reason")[0] != '\0')
		printf(": %s", text_of(o, "reason"));
	putchar('\n');
}

static void print_reactions(const char *margin, json_t *all)
{
	json_t *o;
	size_t i;

	json_array_foreach(all, i, o)
	{
		printf("%s  reaction", margin);
		print_suspension(o);
	}
}

static void print_source(const char *margin, json_t *o)
{
	json_t *addresses = json_object_get(o, "addresses"), *a;
	json_t *s = json_object_get(o, "suspension");
	size_t i;

	printf("%s  source %s (%s):", margin, text_of(o, "source"), text_of(o, "helo"));
	json_array_foreach(addresses, i, a) printf(" %s", json_string_value(a));
	printf(", deliveries %lld", number_of(o, "deliveries"));
	if (number_of(o, "cap") > 0)
		printf(", cap %lld", number_of(o, "cap"));
	if (number_of(o, "wait_ms") > 0)
		printf(", as much has gone as its rate allows (%s), for %lld ms",
		    text_of(o, "rate"), number_of(o, "wait_ms"));
	if (s == NULL) {
		putchar('\n');
		return;
	}
	printf(", suspended");
	print_suspension(s);
}

static void print_pool(const char *margin, json_t *o)
{
	json_t *sources = json_object_get(o, "sources"), *s;
	size_t i;

	json_array_foreach(sources, i, s) print_source(margin, s);
}

static void print_shortcut(const char *margin, json_t *o)
{
	json_t *pace = json_object_get(o, "pace_ms");

	printf("%s  short cut: %s", margin, text_of(o, "shortcut"));
	if (pace != NULL)
		printf(" (deliveries take %.1f ms)", json_real_value(pace));
	putchar('\n');
}

void queue_print_why(const char *margin, json_t *o)
{
	json_t *slowed = json_object_get(o, "slowed");

	if (text_of(o, "domain")[0] != '\0')
		printf("%s%s goes to %s (%s)\n", margin, text_of(o, "domain"),
		    text_of(o, "destination"), text_of(o, "rule"));
	printf("%s%s by %s", margin, text_of(o, "destination"), text_of(o, "transport"));
	if (text_of(o, "source_pool")[0] != '\0')
		printf(", out from pool %s", text_of(o, "source_pool"));
	putchar('\n');
	print_limiter(margin, o);
	if (text_of(o, "group")[0] != '\0')
		printf("%s  group: %s, policy: %s\n", margin, text_of(o, "group"),
		    text_of(o, "policy"));
	printf("%s  deliveries: %lld, window %lld, cap %lld; of the transport: %lld, cap %lld\n",
	    margin, number_of(o, "deliveries"), number_of(o, "window"), number_of(o, "cap"),
	    number_of(o, "transport_jobs"), number_of(o, "transport_cap"));
	if (number_of(o, "failed_at") > 0) {
		printf("%s  failed the last time ", margin);
		print_time(number_of(o, "failed_at"));
		printf(": %s\n", text_of(o, "failure"));
	}
	if (slowed != NULL)
		printf("%s  slowed down %.1f times for %lld s\n", margin, json_real_value(slowed),
		    number_of(o, "slowed_ms") / 1000);
	if (json_object_get(o, "shortcut") != NULL)
		print_shortcut(margin, o);
	print_reactions(margin, json_object_get(o, "reactions"));
	print_pool(margin, o);
	print_lanes(margin, "in memory", json_object_get(o, "in_memory"));
	print_lanes(margin, "on disk, in turn", json_object_get(o, "on_disk"));
	if (number_of(o, "deferred") > 0) {
		printf("%s  deferred: %lld, the next is due ", margin, number_of(o, "deferred"));
		print_time(number_of(o, "next_try"));
		putchar('\n');
	}
}

static void on_why(void *arg, struct str json, struct ipc_msg *m)
{
	json_t **all = arg;

	(void)m;
	json_array_append_new(*all, json_loadb(json.p, json.n, 0, NULL));
}

int queue_ask_why(const char *name, uint8_t transport, const char *domain, json_t *all)
{
	struct put w = put_start();
	json_t *o;
	size_t i;
	int r;

	put_z(&w, name);
	put_u8(&w, transport);
	r = tool_ask("queue", QUEUE_CTL_WHY, &w, on_why, &all);
	json_array_foreach(all, i, o)
	{
		if (domain != NULL)
			add_waiting(o, domain);
	}
	return r;
}

/* Of a domain that goes to another next hop: what keeps mail from that one. */
static int ask_routed(const char *name, json_t *all)
{
	char nexthop[NEXTHOP_MAX + 1];
	struct arena a;
	struct route r;
	int status = EX_OK;
	json_t *o;
	size_t i;

	arena_init(&a);
	if (queue_route(&a, name, &r) && !str_caseeq(r.nexthop, str_of(name)) &&
	    str_copy(r.nexthop, nexthop, sizeof nexthop) == 0) {
		status = queue_ask_why(nexthop, r.transport, name, all);
		json_array_foreach(all, i, o)
		{
			json_object_set_new(o, "domain", json_string(name));
			json_object_set_new(o, "rule", explain_text(r.rule));
		}
	}
	arena_clear(&a);
	return status;
}

/* Of a domain whose mail goes into mailboxes here: what keeps it from them. */
static int ask_local(const char *name, json_t *all)
{
	int status = EX_OK;
	json_t *o;
	size_t i;

	if (queue_is_local(name))
		status = queue_ask_why("", TRANSPORT_MAILDIR, name, all);
	json_array_foreach(all, i, o) json_object_set_new(o, "destination", json_string(name));
	return status;
}

/* Nothing has to do with a next hop of that name. */
static bool is_idle(json_t *o)
{
	return strcmp(text_of(o, "limiter"), "none") == 0 && number_of(o, "deliveries") == 0;
}

/* The name is a domain, a next hop, or both. */
static int ask_all(const char *name, json_t *all)
{
	json_t *itself = json_array(), *o;
	int status = ask_routed(name, all);
	size_t i, routed;

	if (status == EX_OK && json_array_size(all) == 0)
		status = ask_local(name, all);
	routed = json_array_size(all);
	if (status == EX_OK)
		status = queue_ask_why(name, TRANSPORT_SMTP, routed == 0 ? name : NULL, itself);
	json_array_foreach(itself, i, o)
	{
		if (routed == 0 || !is_idle(o))
			json_array_append(all, o);
	}
	json_decref(itself);
	return status;
}

static int why(const char *name, bool json)
{
	json_t *all = json_array(), *o;
	int r = ask_all(name, all);
	size_t i;

	json_array_foreach(all, i, o)
	{
		if (json) {
			json_dumpf(o, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			queue_print_why("", o);
		}
	}
	json_decref(all);
	return r;
}

/* --- sources --------------------------------------------------------------------------------- */

static void on_pool(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	(void)arg;
	(void)m;
	printf("pool %s\n", text_of(o, "source_pool"));
	print_pool("", o);
	json_decref(o);
}

static int sources(const char *pool, bool json)
{
	struct put w = put_start();

	put_z(&w, pool);
	return tool_ask("queue", QUEUE_CTL_SOURCES, &w, json ? tool_print_record : on_pool, NULL);
}

/* --- suspensions ----------------------------------------------------------------------------- */

static int suspend(const char *name, const char *how_long, const char *reason)
{
	struct put w = put_start();
	int64_t ms = 0;

	if (how_long != NULL &&
	    (setting_number(SET_TIME, str_of(how_long), &ms) == -1 || ms < 1000))
		return tool_fail(EX_USAGE, "%s: no time such as 90s, 30m, 2h or 1d", how_long);
	put_z(&w, name);
	put_i64(&w, ms / 1000);
	put_z(&w, reason != NULL ? reason : "");
	return tool_ask("queue", QUEUE_CTL_SUSPEND, &w, tool_print_record, NULL);
}

static int resume(const char *name)
{
	struct put w = put_start();

	put_z(&w, name);
	return tool_ask("queue", QUEUE_CTL_RESUME, &w, tool_print_record, NULL);
}

static void on_suspended(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	(void)arg;
	(void)m;
	fputs(text_of(o, "name"), stdout);
	print_suspension(o);
	json_decref(o);
}

static int suspended(bool json)
{
	struct put w = put_start();

	return tool_ask(
	    "queue", QUEUE_CTL_SUSPENDED, &w, json ? tool_print_record : on_suspended, NULL);
}

/* --- commands -------------------------------------------------------------------------------- */

int queue_do_why(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	if (argc != 2 || argv[1][0] == '-')
		return tool_usage("thurn queue why [--json] DESTINATION");
	return why(argv[1], json);
}

/* What is named: a destination, or a source by an option. NULL: neither, or both. */
static const char *name_of(struct arena *a, int argc, char **argv, const char *source)
{
	if (source != NULL)
		return argc == 1 ? arena_printf(a, "source=%s", source).p : NULL;
	return argc == 2 && argv[1][0] != '-' ? argv[1] : NULL;
}

int queue_do_suspend(int argc, char **argv)
{
	const char *how_long = tool_value(&argc, argv, "for");
	const char *reason = tool_value(&argc, argv, "reason");
	const char *source = tool_value(&argc, argv, "source"), *name;
	struct arena a;
	int r;

	tool_json(&argc, argv);
	arena_init(&a);
	name = name_of(&a, argc, argv, source);
	if (name == NULL)
		r = tool_usage("thurn queue suspend [--json] [--for TIME] [--reason TEXT] "
			       "DESTINATION | --source NAME");
	else
		r = suspend(name, how_long, reason);
	arena_clear(&a);
	return r;
}

int queue_do_resume(int argc, char **argv)
{
	const char *source = tool_value(&argc, argv, "source"), *name;
	struct arena a;
	int r;

	tool_json(&argc, argv);
	arena_init(&a);
	name = name_of(&a, argc, argv, source);
	r = name == NULL ? tool_usage("thurn queue resume [--json] DESTINATION | --source NAME")
			 : resume(name);
	arena_clear(&a);
	return r;
}

int queue_do_sources(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return tool_usage("thurn queue sources [--json] [POOL]");
	return sources(argc == 2 ? argv[1] : "", json);
}

int queue_do_suspended(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	(void)argv;
	if (argc != 1)
		return tool_usage("thurn queue suspended [--json]");
	return suspended(json);
}
