/* thurn explain dns: what the suite's own resolver says, validated as it does for mail. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "explain.h"
#include "mail/domain.h"
#include "proto/resolve.h"
#include "proto/types.h"

struct shown {
	struct str name;
	bool json;
};

static json_t *record_json(uint16_t type, const struct dns_record *r)
{
	char ip[IP_TEXT];

	ip_format(&r->ip, ip);
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return json_string(ip);
	case DNS_MX:
		return json_pack(
		    "{s:i, s:o}", "preference", r->preference, "host", explain_text(r->text));
	case DNS_TLSA:
		return json_pack("{s:i, s:i, s:i, s:o}", "usage", r->usage, "selector", r->selector,
		    "matching", r->matching, "data", explain_bytes(r->text));
	default:
		return explain_text(r->text);
	}
}

static json_t *answer_json(struct str name, const struct dns_answer *a, struct str why)
{
	json_t *o = json_pack("{s:o, s:s, s:s, s:s, s:i}", "name", explain_text(name), "type",
	    dns_type_name(a->type), "status", dns_status_name(a->status), "security",
	    dns_security_name(a->security), "ttl", (int)a->ttl);
	json_t *records = json_array();

	if (a->canonical.n > 0)
		json_object_set_new(o, "canonical", explain_text(a->canonical));
	for (uint32_t i = 0; i < a->nrecords; i++)
		json_array_append_new(records, record_json(a->type, &a->records[i]));
	json_object_set_new(o, "records", records);
	if (a->more)
		json_object_set_new(o, "more", json_true());
	if (why.n > 0)
		json_object_set_new(o, "why", explain_text(why));
	return o;
}

/* A record as it stands behind its type; the numbers first. */
static void print_record(uint16_t type, json_t *r)
{
	const char *key;
	json_t *value;

	printf("    %s", dns_type_name(type));
	if (json_is_string(r))
		printf(" %s", json_string_value(r));
	json_object_foreach(r, key, value)
	{
		if (json_is_integer(value))
			printf(" %lld", (long long)json_integer_value(value));
		else
			printf(" %s", json_string_value(value));
	}
	printf("\n");
}

static void print_answer(json_t *o, uint16_t type)
{
	json_t *records = json_object_get(o, "records"), *r;
	const char *alias = json_string_value(json_object_get(o, "canonical"));
	const char *why = json_string_value(json_object_get(o, "why"));
	size_t i;

	printf("%s %s: %s, %s, for %lld s\n", json_string_value(json_object_get(o, "name")),
	    dns_type_name(type), json_string_value(json_object_get(o, "status")),
	    json_string_value(json_object_get(o, "security")),
	    (long long)json_integer_value(json_object_get(o, "ttl")));
	if (alias != NULL)
		printf("    an alias of %s\n", alias);
	json_array_foreach(records, i, r) print_record(type, r);
	if (json_is_true(json_object_get(o, "more")))
		printf("    and more\n");
	if (why != NULL)
		printf("    %s\n", why);
}

static int on_reply(void *arg, struct get *g)
{
	const struct shown *s = arg;
	struct resolve_reply reply;
	struct arena a;
	int r;

	arena_init(&a);
	r = get_resolve_reply(g, &a, &reply);
	for (unsigned i = 0; r == 0 && i < reply.n; i++) {
		const struct dns_answer *d = &reply.answers[i];
		bool failed = d->status != DNS_OK && !dns_empty(d->status);
		json_t *o = answer_json(s->name, d, failed ? reply.why : STR_NONE);

		if (s->json) {
			explain_print(o);
			continue;
		}
		print_answer(o, d->type);
		json_decref(o);
	}
	arena_clear(&a);
	return r;
}

/* A domain in any script, an address for the name that its reverse zone has, or any other name. */
static int name_of(const char *text, char out[DOMAIN_MAX + 1])
{
	struct str s = str_of(text);
	struct ip ip;

	if (ip_parse(s, &ip) == 0) {
		dns_reverse(&ip, out);
		return 0;
	}
	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	if (domain_canonical(s, true, out) == 0 && strlen(out) <= DNS_NAME_MAX)
		return 0;
	return dns_name_valid(s) ? str_copy(s, out, DNS_NAME_MAX + 1) : -1;
}

static void usual_types(struct str text, struct resolve_question *q)
{
	static const uint16_t usual[] = { DNS_MX, DNS_A, DNS_AAAA };
	struct ip ip;

	if (ip_parse(text, &ip) == 0)
		q->types[q->ntypes++] = DNS_PTR;
	for (size_t i = 0; ip.family == 0 && i < sizeof usual / sizeof usual[0]; i++)
		q->types[q->ntypes++] = usual[i];
}

int explain_dns(bool json, int argc, char **argv)
{
	char name[DOMAIN_MAX + 1];
	struct resolve_question q = { .ntypes = 0 };
	struct shown shown = { .json = json };
	struct put w;

	if (argc < 2 || argc > 2 + RESOLVE_TYPES_MAX || argv[1][0] == '-')
		return tool_usage("thurn explain dns [--json] NAME [TYPE ...]");
	if (name_of(argv[1], name) == -1)
		return tool_fail(EX_USAGE, "\"%s\" is no domain name", argv[1]);
	for (int i = 2; i < argc; i++) {
		q.types[q.ntypes] = dns_type_of(str_of(argv[i]));
		if (q.types[q.ntypes++] == 0)
			return tool_fail(
			    EX_USAGE, "\"%s\" is no type of record that mail needs", argv[i]);
	}
	if (argc == 2)
		usual_types(str_of(argv[1]), &q);
	q.name = shown.name = str_of(name);
	w = put_start();
	put_resolve_question(&w, &q);
	return explain_ask(RESOLVE_ASK, &w, on_reply, &shown);
}
