/*
 * thurn dkim: the keys that mail is signed with (status), what their domains have to publish of them
 * (record), and whether they do (check).
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "explain.h"
#include "proto/resolve.h"
#include "proto/types.h"

enum { PIECE = 200 }; /* characters of one string of a TXT record, which can have 255 */

/* What is done with the keys: with all of them, or with the one of that section. */
struct work {
	void (*fn)(struct work *w, json_t *key);
	const char *name; /* NULL = all */
	bool json;
	json_t *keys;
	int status;
};

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

/* --- status ----------------------------------------------------------------------------------- */

static void print_status(struct work *w, json_t *key)
{
	const char *fault = text(key, "fault");

	if (w->json) {
		explain_print(json_incref(key));
		return;
	}
	printf("%-16s %s._domainkey.%s, ", text(key, "dkim"), text(key, "selector"),
	    text(key, "domain"));
	if (json_is_true(json_object_get(key, "in_use")))
		printf("%s %lld bits", text(key, "kind"),
		    (long long)json_integer_value(json_object_get(key, "bits")));
	else
		printf("not in use");
	printf("%s%s\n", fault[0] == '\0' ? "" : "\n    ", fault);
}

/* --- record ----------------------------------------------------------------------------------- */

/* As in a zone file (RFC 1035 5.1). */
static void print_record(struct work *w, json_t *key)
{
	struct str rest = str_of(text(key, "record"));

	if (w->json) {
		explain_print(json_incref(key));
		return;
	}
	if (rest.n == 0) {
		w->status = tool_fail(
		    EX_DATAERR, "%s has no key: %s", text(key, "dkim"), text(key, "fault"));
		return;
	}
	printf("%s._domainkey.%s. IN TXT (", text(key, "selector"), text(key, "domain"));
	for (; rest.n > 0; rest = str_skip(rest, PIECE))
		printf("\n\t\"%.*s\"", STR_ARG(str_take(rest, PIECE)));
	printf(" )\n");
}

/* --- check ------------------------------------------------------------------------------------ */

struct published {
	struct arena *arena;
	struct dns_answer answer;
	const char *why; /* of the resolver, when there is none */
};

static int on_answer(void *arg, struct get *g)
{
	struct published *p = arg;
	struct resolve_reply r;

	if (get_resolve_reply(g, p->arena, &r) == -1 || r.n != 1)
		return -1;
	p->answer = r.answers[0];
	p->why = r.why.n > 0 ? arena_z(p->arena, r.why) : dns_status_name(p->answer.status);
	return 0;
}

/* RFC 6376 3.2: the value of a tag without the blanks in it; false: the record has none. */
static bool tag(struct arena *a, struct str record, const char *name, struct str *value)
{
	struct str one, key;
	char *to;

	while (str_cut(&record, ';', &one)) {
		if (!str_cut(&one, '=', &key) || one.p == NULL ||
		    !str_eq(str_trim(key), str_of(name)))
			continue;
		to = arena_alloc(a, one.n + 1);
		value->p = to;
		for (size_t i = 0; i < one.n; i++)
			if (one.p[i] != ' ' && one.p[i] != '\t')
				*to++ = one.p[i];
		value->n = (size_t)(to - value->p);
		return true;
	}
	return false;
}

static bool lists(struct str list, struct str word)
{
	struct str one;

	while (str_cut(&list, ':', &one))
		if (str_eq(one, word) || str_eq(one, STR("*")))
			return true;
	return false;
}

/* What is wrong with a record for that key; NULL = nothing. 3.6.1: what is left out has a default. */
static const char *fault_of(struct arena *a, struct str record, struct str ours)
{
	struct str kind = STR("rsa"), services = STR("*"), flags = STR_NONE, key, own;

	tag(a, record, "k", &kind);
	tag(a, record, "s", &services);
	tag(a, record, "t", &flags);
	if (!tag(a, record, "p", &key) || !tag(a, ours, "p", &own))
		return "it holds no key";
	if (key.n == 0)
		return "it says that the key has been revoked";
	if (!str_eq(key, own))
		return "it is the record of another key";
	tag(a, ours, "k", &own);
	if (!str_eq(kind, own))
		return "it is of another kind (k=) than the key";
	if (!lists(services, STR("tlsrpt")))
		return "it is not for reports about TLS (s=)";
	if (!lists(services, STR("email")))
		return "it is not for mail (s=)";
	return lists(flags, STR("y")) ? "it says that the domain is testing (t=y)" : NULL;
}

static const char *verdict(struct arena *a, const struct published *p, struct str ours)
{
	const char *why = "there is no such record";

	if (p->answer.status != DNS_OK && !dns_empty(p->answer.status))
		return p->why;
	for (uint32_t i = 0; i < p->answer.nrecords; i++)
		if ((why = fault_of(a, p->answer.records[i].text, ours)) == NULL)
			break;
	if (p->answer.nrecords > 1)
		return "there are several records: verifiers may take any of them";
	return why;
}

static void print_verdict(
    const struct work *w, const json_t *key, struct str name, const char *why, const char *security)
{
	if (w->json)
		explain_print(json_pack("{s:s, s:s%, s:b, s:s, s:s}", "dkim", text(key, "dkim"),
		    "name", name.p, name.n, "good", why == NULL, "why", why == NULL ? "" : why,
		    "security", security));
	else
		printf("%-16s %.*s: %s\n", text(key, "dkim"), STR_ARG(name),
		    why == NULL ? "published" : why);
}

static void check_key(struct work *w, json_t *key)
{
	struct resolve_question q = { .types = { DNS_TXT }, .ntypes = 1 };
	struct str ours = str_of(text(key, "record"));
	struct put question = put_start();
	struct published p = { 0 };
	struct arena arena;
	int status;

	arena_init(&arena);
	p.arena = &arena;
	q.name =
	    arena_printf(&arena, "%s._domainkey.%s", text(key, "selector"), text(key, "domain"));
	put_resolve_question(&question, &q);
	status = explain_ask(RESOLVE_ASK, &question, on_answer, &p);
	if (status == EX_OK) {
		const char *why =
		    ours.n == 0 ? "the suite has no key for it" : verdict(&arena, &p, ours);

		print_verdict(w, key, q.name, why, dns_security_name(p.answer.security));
		status = why == NULL ? EX_OK : EX_DATAERR;
	}
	if (status != EX_OK)
		w->status = status;
	arena_clear(&arena);
}

/* --- the command ------------------------------------------------------------------------------ */

static void take_key(void *arg, struct str json, struct ipc_msg *m)
{
	struct work *w = arg;

	(void)m;
	json_array_append_new(w->keys, json_loadb(json.p, json.n, 0, NULL));
}

static int each_key(struct work *w)
{
	struct put question = put_start();
	size_t i, n = 0;
	json_t *key;

	w->keys = json_array();
	w->status = tool_ask("keys", KEYS_CTL_DKIM, &question, take_key, w);
	json_array_foreach(w->keys, i, key)
	{
		if (w->name != NULL && strcmp(w->name, text(key, "dkim")) != 0)
			continue;
		w->fn(w, key);
		n++;
	}
	if (n == 0 && w->name != NULL && w->status != EX_UNAVAILABLE)
		w->status = tool_fail(EX_DATAERR, "there is no section dkim \"%s\"", w->name);
	json_decref(w->keys);
	return w->status;
}

static const struct {
	const char *name;
	void (*fn)(struct work *w, json_t *key);
	const char *help;
} verbs[] = {
	{ "check", check_key, "[NAME]   whether the domains publish the keys" },
	{ "record", print_record, "[NAME]   what they have to publish, for a zone file" },
	{ "status", print_status, "[NAME]   the keys in use" },
};

int cmd_dkim(int argc, char **argv)
{
	struct work w = { .json = tool_flag(&argc, argv, "json", 'j') };
	int status;

	for (size_t i = 0; argc > 1 && argc <= 3 && argv[argc - 1][0] != '-' &&
			   i < sizeof verbs / sizeof verbs[0];
	     i++)
		if (strcmp(argv[1], verbs[i].name) == 0) {
			w.fn = verbs[i].fn;
			w.name = argc == 3 ? argv[2] : NULL;
			return each_key(&w);
		}
	status = tool_usage("thurn dkim [--json] VERB [NAME]");
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		fprintf(tool_usage_file(), "  %-7s %s\n", verbs[i].name, verbs[i].help);
	return status;
}
