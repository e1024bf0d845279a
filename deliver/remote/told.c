/* What services/policy is told of connections. See told.h. */
#include "told.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/policy.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "settings.h"

static bool counts(const struct session *s)
{
	const struct tlspolicy *p = &s->policy.policy;
	bool from_dns = s->site->source == HOP_MX || s->site->source == HOP_HOST;

	/* the second connection of one try, without TLS, was told of with the first */
	return settings()->reports && from_dns && s->hop->target.ip.family == 0 && !s->plain &&
	       (p->source != TLS_BY_TABLE || p->wish.level == TLS_LEVEL_DANE_ONLY);
}

/* What the domain has published that counted. */
static uint8_t type_of(const struct tlspolicy *p)
{
	if (p->source == TLS_BY_DANE || p->source == TLS_BY_TABLE)
		return TLS_POLICY_TLSA;
	if (p->source == TLS_BY_STS || p->sts_mode == STS_TESTING || p->sts_failure != 0)
		return TLS_POLICY_STS;
	return TLS_POLICY_NONE;
}

/* --- records ---------------------------------------------------------------------------------- */

static void add_record(struct tls_result *r, const struct dns_record *d, struct arena *a)
{
	static const char digits[] = "0123456789ABCDEF";
	char *text = arena_alloc(a, TLS_RESULT_STRING_MAX + 1);
	size_t n = (size_t)snprintf(
	    text, TLS_RESULT_STRING_MAX, "%u %u %u ", d->usage, d->selector, d->matching);

	for (size_t i = 0; i < d->text.n && n + 2 <= TLS_RESULT_STRING_MAX; i++) {
		text[n++] = digits[(unsigned char)d->text.p[i] >> 4];
		text[n++] = digits[d->text.p[i] & 15];
	}
	r->strings[r->nstrings++] = str_bytes(text, n);
}

static void add_records(struct tls_result *r, const struct tlspolicy *p, struct arena *a)
{
	const struct dns_answer *found = &p->found;

	r->base = p->base;
	if (p->base.n == 0)
		return; /* there were none that could be believed */
	for (uint32_t i = 0; i < found->nrecords && r->nstrings < TLS_RESULT_STRINGS; i++)
		add_record(r, &found->records[i], a);
}

/* --- the notice ------------------------------------------------------------------------------- */

static void find_own_address(const struct session *s, struct ip *ip)
{
	struct sockaddr_storage at = { 0 };
	socklen_t n = sizeof at;

	if (getsockname(s->conn.fd, (struct sockaddr *)&at, &n) == 0)
		ip_from_sockaddr((struct sockaddr *)&at, ip);
}

static void tell(struct session *s, const struct tls_result *what)
{
	const struct tlspolicy *p = &s->policy.policy;
	struct tls_result r = *what;
	struct arena arena;
	struct put w;

	arena_init(&arena);
	r.domain = str_of(s->hop->target.host);
	r.base = STR_NONE;
	r.host = tlspolicy_host(&s->policy)->name;
	r.type = type_of(p);
	if (r.type == TLS_POLICY_TLSA)
		add_records(&r, p, &arena);
	if (s->conn.fd != -1)
		find_own_address(s, &r.ours);
	w = put_start();
	put_tls_result(&w, &r);
	/* an operator who wants to know everything has the log */
	if (proc_peer(ROLE_POLICY) != NULL)
		chan_send(proc_peer(ROLE_POLICY), POLICY_RESULT, &w, NULL, 0);
	arena_clear(&arena);
}

void told_failure(struct session *s, enum tls_failure failure, const char *what)
{
	if (counts(s))
		tell(s, &(struct tls_result){
			    .failure = (uint8_t)failure, .theirs = s->ip, .reason = str_of(what) });
}

/* --- with TLS --------------------------------------------------------------------------------- */

static uint8_t failure_of(const struct tls_facts *facts)
{
	static const uint8_t failures[] = { [TLS_FAULT_NONE] = TLS_FAILED_TRUST,
		[TLS_FAULT_CHAIN] = TLS_FAILED_TRUST,
		[TLS_FAULT_EXPIRED] = TLS_FAILED_EXPIRED,
		[TLS_FAULT_NAME] = TLS_FAILED_NAME };

	return failures[facts->fault];
}

/* What a policy that is only tested, or cannot be used, would have made of it. */
static void judge(const struct session *s, struct tls_result *r)
{
	const struct tlspolicy *p = &s->policy.policy;
	const struct tls_facts *facts = conn_tls(&s->conn);

	if (p->source == TLS_BY_DANE && p->wish.level != TLS_LEVEL_DANE) {
		r->failure = TLS_FAILED_TLSA;
	} else if (p->source == TLS_BY_CHANCE && p->sts_failure != 0) {
		r->failure = p->sts_failure;
	} else if (p->source == TLS_BY_CHANCE && p->sts_mode == STS_TESTING && !p->sts_named) {
		r->failure = TLS_FAILED_OTHERWISE;
		r->reason = STR("the host is not among those of the policy");
	} else if (p->source == TLS_BY_CHANCE && p->sts_mode == STS_TESTING &&
		   facts->distrust != NULL) {
		r->failure = failure_of(facts);
		r->reason = str_of(facts->distrust);
	}
}

void told_secured(struct session *s, bool good)
{
	const struct tls_facts *facts = conn_tls(&s->conn);
	struct tls_result r = { .theirs = s->ip, .reason = STR_NONE };

	if (!counts(s))
		return;
	if (good) {
		judge(s, &r);
	} else if (type_of(&s->policy.policy) != TLS_POLICY_NONE) {
		r.failure = failure_of(facts);
		r.reason = str_of(facts->distrust);
	}
	tell(s, &r);
}

/* --- without a connection --------------------------------------------------------------------- */

void told_refused(struct session *s)
{
	const struct tlspolicy *p = &s->policy.policy;
	uint8_t failure = TLS_FAILED_OTHERWISE;

	/* what the message demands, or what nobody here could tell, is not the domain's failure */
	if (!counts(s) || p->status.code / 100 == 5 ||
	    (p->source == TLS_BY_STS && p->sts_mode != STS_ENFORCE))
		return;
	if (p->source == TLS_BY_TABLE)
		failure = TLS_FAILED_NO_DANE;
	else if (p->source == TLS_BY_DANE)
		failure = p->base.n > 0 ? TLS_FAILED_TLSA : TLS_FAILED_DNSSEC;
	tell(s, &(struct tls_result){ .failure = failure, .reason = str_of(p->reason) });
}
