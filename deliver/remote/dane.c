/*
 * DANE for SMTP (RFC 7672): whether a host is to be known by TLSA records, and by which. A rung of
 * tlspolicy.c. Everything that leads to the records has to be secure by DNSSEC: MX records,
 * addresses or the first alias, and the records themselves.
 */
#include <stdio.h>

#include "proto/proc.h"
#include "proto/types.h"
#include "tlspolicy.h"

enum {
	RECORDS_MAX = 32, /* usable ones; more make no sense, and each costs a comparison */
	BASE_PREFIX = sizeof "_65535._tcp." - 1,
};

static struct tls_client *client;

void dane_open(struct tls_client *c)
{
	client = c;
}

bool dane_usable(const struct tls_association *a)
{
	return tls_association_usable(client, a);
}

/* The destination says nothing of the kind: others may. */
static void nothing(struct tlspolicy_find *f, const char *reason)
{
	if (f->q.wish->level == TLS_LEVEL_DANE_ONLY)
		tlspolicy_refuse(f, TLS_BY_TABLE, reason);
	else
		tlspolicy_pass(f, reason);
}

/* --- records ---------------------------------------------------------------------------------- */

void dane_take(struct tlspolicy_find *f, const struct dns_answer *a)
{
	struct tlspolicy *p = &f->policy;
	char reason[64];

	p->base = f->bases[f->base];
	p->dane = arena_array(&f->arena, RECORDS_MAX, sizeof *p->dane);
	for (uint32_t i = 0; i < a->nrecords && p->ndane < RECORDS_MAX; i++) {
		const struct dns_record *r = &a->records[i];
		const struct tls_association t = { r->usage, r->selector, r->matching, r->text };

		if (dane_usable(&t))
			p->dane[p->ndane++] = t;
	}
	snprintf(reason, sizeof reason, "%u secure TLSA records, %zu of them usable%s",
	    (unsigned)a->nrecords, p->ndane, a->more ? ", others too large" : "");
	/* RFC 7672 2.2: there is TLS for sure, but these do not tell whose; others may */
	f->encrypt = p->ndane == 0;
	if (p->ndane > 0)
		tlspolicy_decide(f, TLS_BY_DANE, TLS_LEVEL_DANE, reason);
	else if (f->q.wish->level == TLS_LEVEL_DANE_ONLY || a->more) /* one of those might tell */
		tlspolicy_refuse(f, TLS_BY_DANE, reason);
	else
		tlspolicy_pass(f, reason);
}

static void ask_next(struct tlspolicy_find *f);

static void on_answer(struct tlspolicy_find *f, const struct dns_answer *a, struct str why)
{
	char reason[TLS_REASON_MAX];

	f->policy.found = *a;
	if (a->status != DNS_OK && !dns_empty(a->status)) {
		snprintf(reason, sizeof reason, "lookup of TLSA records failed: %s%s%.*s",
		    dns_status_name(a->status), why.n > 0 ? ", " : "", STR_ARG(why));
		tlspolicy_refuse(f, TLS_BY_DANE, reason);
	} else if (a->status == DNS_OK && a->security == DNS_SECURE) {
		dane_take(f, a);
	} else {
		f->base++;
		ask_next(f);
	}
}

static void on_reply(struct ask *ask, struct ipc_msg *m)
{
	struct tlspolicy_find *f = ask->arg;
	struct dns_answer none = {
		.type = DNS_TLSA, .status = DNS_TEMPORARY, .canonical = STR_NONE
	};
	struct resolve_reply r;
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != RESOLVE_ASK || get_resolve_reply(&g, &f->arena, &r) == -1 ||
	    r.n != 1 || r.answers[0].type != DNS_TLSA)
		on_answer(f, &none, STR("the resolver does not answer"));
	else
		on_answer(f, &r.answers[0], r.why);
}

/* --- where they would be ---------------------------------------------------------------------- */

static void ask_next(struct tlspolicy_find *f)
{
	char name[BASE_PREFIX + DNS_NAME_MAX + 1];
	struct resolve_question q = { .trace = f->q.trace, .types = { DNS_TLSA }, .ntypes = 1 };
	struct put w = put_start();

	if (f->base == f->nbases) {
		nothing(f, "no secure TLSA records");
		return;
	}
	snprintf(name, sizeof name, "_%u._tcp.%.*s", f->q.site->port, STR_ARG(f->bases[f->base]));
	q.name = str_of(name);
	if (!dns_name_valid(q.name)) { /* too long: there cannot be such records */
		f->base++;
		ask_next(f);
		return;
	}
	put_resolve_question(&w, &q);
	chan_ask(
	    proc_peer(ROLE_RESOLVER), &f->ask, RESOLVE_ASK, &w, NULL, 0, RESOLVE_MS, on_reply, f);
}

/* RFC 7672 2.2.2: behind the aliases first, if all of them are secure; then the name itself. */
static void add_bases(struct tlspolicy_find *f)
{
	const struct mail_host *h = tlspolicy_host(f);

	if (h->security == DNS_SECURE && h->canonical.n > 0)
		f->bases[f->nbases++] = h->canonical;
	if (h->security == DNS_SECURE || (h->canonical.n > 0 && h->alias == DNS_SECURE))
		f->bases[f->nbases++] = h->name;
}

void dane_rung(struct tlspolicy_find *f)
{
	const struct site *s = f->q.site;
	const struct mail_host *h = tlspolicy_host(f);
	char reason[64];

	if (s->source != HOP_MX && s->source != HOP_HOST) {
		nothing(f, "the address is not from DNS");
		return;
	}
	if (s->source == HOP_MX && s->mail.security != DNS_SECURE) {
		snprintf(reason, sizeof reason, "MX records are %s",
		    dns_security_name(s->mail.security));
		nothing(f, reason);
		return;
	}
	if (h->canonical.n > 0 && h->security != DNS_SECURE && h->alias == DNS_FORGED) {
		tlspolicy_refuse(f, TLS_BY_DANE, "lookup of its alias failed");
		return;
	}
	add_bases(f);
	if (f->nbases == 0) {
		snprintf(reason, sizeof reason, "addresses are %s", dns_security_name(h->security));
		nothing(f, reason);
		return;
	}
	ask_next(f);
}
