/* DANE of a server. See tls_dane.h. */
#include "tls_dane.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "explain.h"
#include "mail/domain.h"
#include "net/ip.h"
#include "net/tls.h"
#include "proto/resolve.h"
#include "proto/types.h"

/* --- questions -------------------------------------------------------------------------------- */

struct asked {
	struct arena *arena;
	struct dns_answer answer;
	char why[PROBE_TEXT];
};

static int on_answer(void *arg, struct get *g)
{
	struct asked *a = arg;
	struct resolve_reply r;

	if (get_resolve_reply(g, a->arena, &r) == -1 || r.n != 1)
		return -1;
	a->answer = r.answers[0];
	snprintf(a->why, sizeof a->why, "%.*s", STR_ARG(r.why));
	return 0;
}

/* False: nobody answers. */
static bool ask(struct asked *a, struct str name, uint16_t type)
{
	struct resolve_question q = { .name = name, .types = { type }, .ntypes = 1 };
	struct put w = put_start();

	put_resolve_question(&w, &q);
	return explain_ask(RESOLVE_ASK, &w, on_answer, a) == EX_OK;
}

static bool failed(const struct asked *a)
{
	return a->answer.status != DNS_OK && !dns_empty(a->answer.status);
}

static void decide(struct dane *d, enum dane_verdict verdict, const char *what, const char *detail)
{
	d->verdict = verdict;
	snprintf(d->why, sizeof d->why, "%s%.200s", what, detail);
}

/* --- where the records are -------------------------------------------------------------------- */

/* At the name behind the aliases first, then at the name itself (RFC 7672 2.2.2). */
static unsigned find_bases(
    struct dane *d, struct probe_target *t, struct str host, struct str bases[2])
{
	static const uint16_t types[] = { DNS_A, DNS_AAAA };
	struct asked a = { .arena = &d->arena };
	unsigned n = 0;

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (!ask(&a, host, types[i])) {
			decide(d, DANE_UNKNOWN, "the suite cannot be asked", "");
			return 0;
		}
		if (a.answer.status == DNS_OK)
			break;
	}
	d->addresses = a.answer.security;
	if (a.answer.nrecords > 0)
		ip_format(&a.answer.records[0].ip, t->address);
	if (failed(&a)) {
		decide(d, DANE_FAILED, "its addresses: ", dns_status_name(a.answer.status));
		return 0;
	}
	if (a.answer.security != DNS_SECURE) {
		decide(d, DANE_NONE, "its addresses are ", dns_security_name(a.answer.security));
		return 0;
	}
	if (a.answer.canonical.n > 0)
		bases[n++] = a.answer.canonical;
	bases[n++] = host;
	return n;
}

/* True: they decide, or the failure to get them does. */
static bool take_records(struct dane *d, struct str base, const struct asked *a)
{
	d->security = a->answer.security;
	if (failed(a)) {
		d->base = base;
		decide(d, DANE_FAILED, dns_status_name(a->answer.status), "");
		if (a->why[0] != '\0')
			snprintf(d->why, sizeof d->why, "%s: %.200s",
			    dns_status_name(a->answer.status), a->why);
		return true;
	}
	if (a->answer.status != DNS_OK || a->answer.security != DNS_SECURE)
		return false;
	d->base = base;
	d->records = a->answer.records;
	d->nrecords = a->answer.nrecords;
	return true;
}

static void find_records(struct dane *d, struct probe_target *t, struct str host)
{
	struct asked a = { .arena = &d->arena };
	char name[sizeof "_65535._tcp." + DNS_NAME_MAX];
	struct str bases[2];
	unsigned n = find_bases(d, t, host, bases);

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof name, "_%s._tcp.%.*s", t->port, STR_ARG(bases[i]));
		if (!dns_name_valid(str_of(name)))
			continue;
		if (!ask(&a, str_of(name), DNS_TLSA)) {
			decide(d, DANE_UNKNOWN, "the suite cannot be asked", "");
			return;
		}
		if (take_records(d, bases[i], &a))
			return;
	}
	if (n > 0)
		decide(d, DANE_NONE, "there are no secure TLSA records", "");
}

/* --- the server ------------------------------------------------------------------------------- */

void dane_compare(const struct probe_target *t, struct dane *d)
{
	struct tls_association *all = arena_array(&d->arena, d->nrecords, sizeof *all);
	char base[DNS_NAME_MAX + 1], why[PROBE_TEXT];
	bool any = false;

	if (d->nrecords == 0)
		return;
	str_copy(d->base, base, sizeof base);
	d->usable = arena_array(&d->arena, d->nrecords, sizeof *d->usable);
	for (uint32_t i = 0; i < d->nrecords; i++) {
		const struct dns_record *r = &d->records[i];

		all[i] = (struct tls_association){ r->usage, r->selector, r->matching, r->text };
	}
	d->matched = probe_dane(t, base, all, d->nrecords, d->usable, why);
	for (uint32_t i = 0; i < d->nrecords; i++)
		any = any || d->usable[i];
	if (!any)
		decide(d, DANE_UNUSABLE, "none of its TLSA records can be used with mail", "");
	else if (d->matched >= 0)
		decide(d, DANE_MATCHED, "", "");
	else
		decide(d, DANE_MISMATCHED, why, "");
}

void dane_find(struct probe_target *t, struct dane *d)
{
	char host[DOMAIN_MAX + 1];
	struct ip ip;

	*d = (struct dane){ .matched = -1, .base = STR_NONE };
	arena_init(&d->arena);
	if (ip_parse(str_of(t->host), &ip) == 0 ||
	    domain_canonical(str_of(t->host), true, host) == -1) {
		decide(d, DANE_NONE, "an address has no TLSA records", "");
		return;
	}
	find_records(d, t, arena_str(&d->arena, str_of(host)));
}

void dane_clear(struct dane *d)
{
	arena_clear(&d->arena);
}

/* --- words ------------------------------------------------------------------------------------ */

static const char *const verdicts[] = { [DANE_UNKNOWN] = "unknown",
	[DANE_NONE] = "none",
	[DANE_FAILED] = "failed",
	[DANE_UNUSABLE] = "unusable",
	[DANE_MATCHED] = "matched",
	[DANE_MISMATCHED] = "mismatched" };

json_t *dane_json(const struct dane *d)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "verdict", verdicts[d->verdict], "why",
	    d->why, "addresses", dns_security_name(d->addresses), "security",
	    dns_security_name(d->security));
	json_t *records = json_array();

	if (d->base.n > 0)
		json_object_set_new(o, "base", explain_text(d->base));
	for (uint32_t i = 0; i < d->nrecords; i++) {
		const struct dns_record *r = &d->records[i];

		json_array_append_new(records,
		    json_pack("{s:i, s:i, s:i, s:o, s:b, s:b}", "usage", r->usage, "selector",
			r->selector, "matching", r->matching, "data", explain_bytes(r->text),
			"usable", d->usable != NULL && d->usable[i], "matched",
			(int)i == d->matched));
	}
	json_object_set_new(o, "records", records);
	return o;
}

void dane_print(const struct dane *d)
{
	printf("   DANE: %s%s%s\n", verdicts[d->verdict], d->why[0] != '\0' ? ": " : "", d->why);
	if (d->nrecords > 0)
		printf("   TLSA records of %.*s (%s):\n", STR_ARG(d->base),
		    dns_security_name(d->security));
	for (uint32_t i = 0; i < d->nrecords; i++) {
		const struct dns_record *r = &d->records[i];

		printf("     %u %u %u ", r->usage, r->selector, r->matching);
		for (size_t k = 0; k < r->text.n && k < 32; k++)
			printf("%02x", (unsigned char)r->text.p[k]);
		printf("%s%s\n", r->text.n > 32 ? "..." : "",
		    d->usable == NULL      ? ""
		    : (int)i == d->matched ? "  <- by this one it is known"
		    : d->usable[i]         ? ""
					   : "  (of no use with mail)");
	}
}
