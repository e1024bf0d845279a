/* What was counted about one domain. See tally.h. */
#include "tally.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "net/dns.h"
#include "proto/resolve.h"

enum { VERSION = 1, FAILURE_BYTES = 4 + DNS_NAME_MAX + TLS_RESULT_REASON_MAX + 64 };

_Static_assert(
    TALLY_POLICIES *(TALLY_TEXT_MAX + DNS_NAME_MAX + 64 + TALLY_FAILURES * FAILURE_BYTES) +
	    TLSRPT_PLACES * (TLSRPT_PLACE_MAX + 8) + DNS_NAME_MAX + 64 <
	TALLY_BYTES_MAX,
    "must fit");

struct tally *tally_new(struct str domain, int64_t begin)
{
	struct tally *t = xcalloc(1, sizeof *t);

	t->domain = str_dup(domain);
	t->begin = begin;
	t->bytes = sizeof *t + domain.n;
	return t;
}

static void policy_clear(struct tally_policy *p)
{
	for (uint32_t i = 0; i < p->nfailures; i++) {
		free(p->failures[i].host);
		free(p->failures[i].reason);
	}
	free(p->failures);
	free(p->domain);
	free(p->text);
}

void tally_empty(struct tally *t)
{
	for (uint32_t i = 0; i < t->npolicies; i++)
		policy_clear(&t->policies[i]);
	free(t->policies);
	t->policies = NULL;
	t->npolicies = 0;
}

void tally_free(struct tally *t)
{
	if (t == NULL)
		return;
	tally_empty(t);
	free(t->domain);
	free(t);
}

/* --- counting --------------------------------------------------------------------------------- */

static bool add_line(struct buf *b, struct str line)
{
	if (line.n == 0)
		return true;
	if (b->n + line.n + 1 > TALLY_TEXT_MAX)
		return false;
	if (b->n > 0)
		buf_char(b, '\n');
	buf_str(b, line);
	return true;
}

/* The policy, line by line: as many as there is room for. */
static void make_text(struct buf *b, const struct tls_result *r, struct str text)
{
	struct str line;

	buf_init(b, TALLY_TEXT_MAX + 1);
	for (uint32_t i = 0; i < r->nstrings && add_line(b, r->strings[i]); i++)
		;
	while (
	    r->type == TLS_POLICY_STS && str_cut(&text, '\n', &line) && add_line(b, str_trim(line)))
		;
}

static struct tally_policy *policy_of(
    struct tally *t, const struct tls_result *r, struct str text, bool room)
{
	struct str domain = r->base.n > 0 ? r->base : r->domain;
	struct tally_policy *p;

	for (uint32_t i = 0; i < t->npolicies; i++) {
		p = &t->policies[i];
		if (p->type == r->type && str_eq(str_of(p->domain), domain) &&
		    str_eq(str_of(p->text), text))
			return p;
	}
	if (t->npolicies == TALLY_POLICIES || !room)
		return NULL;
	t->policies = xreallocarray(t->policies, t->npolicies + 1, sizeof *p);
	p = &t->policies[t->npolicies++];
	*p = (struct tally_policy){
		.type = r->type, .domain = str_dup(domain), .text = str_dup(text)
	};
	t->bytes += sizeof *p + domain.n + text.n;
	return p;
}

static bool same(const struct tally_failure *f, const struct tls_result *r)
{
	return f->failure == r->failure && ip_eq(&f->ours, &r->ours) &&
	       ip_eq(&f->theirs, &r->theirs) && str_eq(str_of(f->host), r->host) &&
	       str_eq(str_of(f->reason), r->reason);
}

/* The bytes that it took. */
static size_t add_failure(struct tally_policy *p, const struct tls_result *r, bool room)
{
	struct tally_failure *f;

	for (uint32_t i = 0; i < p->nfailures; i++)
		if (same(&p->failures[i], r)) {
			p->failures[i].sessions++;
			return 0;
		}
	if (p->nfailures == TALLY_FAILURES || !room)
		return 0;
	p->failures = xreallocarray(p->failures, p->nfailures + 1, sizeof *f);
	p->failures[p->nfailures++] = (struct tally_failure){ .failure = r->failure,
		.ours = r->ours,
		.theirs = r->theirs,
		.host = str_dup(r->host),
		.reason = str_dup(r->reason),
		.sessions = 1 };
	return sizeof *f + r->host.n + r->reason.n;
}

void tally_add(struct tally *t, const struct tls_result *r, struct str text, bool room)
{
	struct tally_policy *p;
	struct buf words;

	make_text(&words, r, text);
	p = policy_of(t, r, buf_view(&words), room);
	buf_clear(&words);
	if (p == NULL) {
		t->lost++;
	} else if (r->failure == TLS_FAILED_NOT) {
		p->good++;
	} else {
		p->bad++;
		t->bytes += add_failure(p, r, room);
	}
}

void tally_sums(const struct tally *t, uint64_t *good, uint64_t *bad)
{
	*good = *bad = 0;
	for (uint32_t i = 0; i < t->npolicies; i++) {
		*good += t->policies[i].good;
		*bad += t->policies[i].bad;
	}
}

/* --- on disk ---------------------------------------------------------------------------------- */

static void put_failure(struct put *w, const struct tally_failure *f)
{
	put_u8(w, f->failure);
	put_ip(w, &f->ours);
	put_ip(w, &f->theirs);
	put_z(w, f->host);
	put_z(w, f->reason);
	put_u64(w, f->sessions);
}

static void get_failure(struct get *g, struct tally_failure *f)
{
	f->failure = get_u8(g);
	get_ip(g, &f->ours);
	get_ip(g, &f->theirs);
	f->host = str_dup(get_line(g, DNS_NAME_MAX));
	f->reason = str_dup(get_line(g, TLS_RESULT_REASON_MAX));
	f->sessions = get_u64(g);
	if (f->failure == TLS_FAILED_NOT || f->failure >= TLS_FAILURES)
		g->bad = true;
}

static void put_policy(struct put *w, const struct tally_policy *p)
{
	put_u8(w, p->type);
	put_z(w, p->domain);
	put_z(w, p->text);
	put_u64(w, p->good);
	put_u64(w, p->bad);
	put_u32(w, p->nfailures);
	for (uint32_t i = 0; i < p->nfailures; i++)
		put_failure(w, &p->failures[i]);
}

/* A number of what follows. */
static uint32_t get_count(struct get *g, uint32_t most)
{
	uint32_t n = get_u32(g);

	if (n > most)
		g->bad = true;
	return g->bad ? 0 : n;
}

static void get_policy(struct get *g, struct tally_policy *p)
{
	p->type = get_u8(g);
	p->domain = str_dup(get_line(g, DNS_NAME_MAX));
	p->text = str_dup(get_str(g, TALLY_TEXT_MAX));
	p->good = get_u64(g);
	p->bad = get_u64(g);
	p->nfailures = get_count(g, TALLY_FAILURES);
	p->failures = xcalloc(p->nfailures, sizeof *p->failures);
	for (uint32_t i = 0; i < p->nfailures; i++)
		get_failure(g, &p->failures[i]);
	if (p->type >= TLS_POLICY_TYPES)
		g->bad = true;
}

void put_tally(struct put *w, const struct tally *t)
{
	put_u8(w, VERSION);
	put_z(w, t->domain);
	put_i64(w, t->begin);
	put_i64(w, t->end);
	put_u64(w, t->lost);
	put_u8(w, t->reported);
	put_i64(w, t->next);
	put_u32(w, t->tries);
	put_u32(w, t->nruas);
	for (uint32_t i = 0; i < t->nruas; i++) {
		put_z(w, t->ruas[i].uri);
		put_u8(w, t->ruas[i].state);
	}
	put_u32(w, t->npolicies);
	for (uint32_t i = 0; i < t->npolicies; i++)
		put_policy(w, &t->policies[i]);
}

static void get_rua(struct get *g, struct tally_rua *r)
{
	if (str_copy(get_line(g, TLSRPT_PLACE_MAX), r->uri, sizeof r->uri) == -1)
		g->bad = true;
	r->state = get_u8(g);
	if (r->state >= RUA_STATES)
		g->bad = true;
}

struct tally *get_tally(struct get *g)
{
	const uint8_t *begin = g->p;
	uint8_t version = get_u8(g);
	struct str domain = get_line(g, DNS_NAME_MAX);
	struct tally *t;

	if (get_ok(g) == -1 || version != VERSION || !dns_name_valid(domain))
		return NULL;
	t = tally_new(domain, get_i64(g));
	t->end = get_i64(g);
	t->lost = get_u64(g);
	t->reported = get_bool(g);
	t->next = get_i64(g);
	t->tries = get_u32(g);
	t->nruas = get_count(g, TLSRPT_PLACES);
	for (uint32_t i = 0; i < t->nruas; i++)
		get_rua(g, &t->ruas[i]);
	t->npolicies = get_count(g, TALLY_POLICIES);
	t->policies = xcalloc(t->npolicies, sizeof *t->policies);
	for (uint32_t i = 0; i < t->npolicies; i++)
		get_policy(g, &t->policies[i]);
	t->bytes = sizeof *t + (size_t)(g->p - begin);
	if (get_end(g) == 0)
		return t;
	tally_free(t);
	return NULL;
}
