/* Finding out what a domain publishes. See discover.h. */
#include "discover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "proto/fetch.h"
#include "proto/proc.h"
#include "proto/txt.h"
#include "proto/types.h"

enum {
	CHECK_MAX_S = 3600, /* however long DNS says */
	CHECK_FAILED_S = 60,
	FETCH_AGAIN_S = 300, /* after a policy could not be fetched (RFC 8461 3.3) */
	REFRESH_S = 86400, /* old enough to be fetched again, if it does not expire before (10.2) */
	SWEEP_S = 60,
	SWEEP_CHECKS = 16, /* begun by one sweep */
	SECOND = 1000,
};

static void (*answer)(const struct entry *e, const struct waiter *w);
static struct timer sweep_timer;
static struct {
	uint64_t looked, fetched, failed;
} counts;

/* --- the end of a look ------------------------------------------------------------------------ */

/* Nobody needs to look again for so long. */
static void settle(struct entry *e, uint32_t seconds)
{
	struct waiter *w;

	e->busy = false;
	if (seconds > CHECK_MAX_S)
		seconds = CHECK_MAX_S;
	e->checked = loop_now() + (seconds > 0 ? seconds : 1) * (uint64_t)SECOND;
	while ((w = TAILQ_FIRST(&e->waiters)) != NULL) {
		TAILQ_REMOVE(&e->waiters, w, next);
		answer(e, w);
		free(w);
	}
}

static void say(struct entry *e, const char *what, struct str why)
{
	snprintf(e->why, sizeof e->why, "%s%s%.*s", what, why.n > 0 ? ": " : "", STR_ARG(why));
}

/* RFC 8461 3.3: a policy that is still valid goes on to count. */
static void failed(struct entry *e, enum tls_failure failure, struct str why)
{
	counts.failed++;
	e->failure = (uint8_t)failure;
	e->fetch_again = loop_now() + FETCH_AGAIN_S * (uint64_t)SECOND;
	say(e, "there is a policy, but it cannot be had", why);
	log_warning(NULL, EV("sts-policy-failed"), KZ("domain", e->domain), KZ("id", e->found),
	    KS("why", why), KZ("kept", cache_holds(e) ? sts_mode_name(e->policy.mode) : ""));
	settle(e, e->ttl < CHECK_FAILED_S ? e->ttl : CHECK_FAILED_S);
}

/* --- by HTTPS --------------------------------------------------------------------------------- */

/* "text/plain", with any parameters */
static bool plain_text(struct str type)
{
	struct str kind;

	return str_cut(&type, ';', &kind) && str_caseeq(str_trim(kind), STR("text/plain"));
}

static void take_policy(struct entry *e, struct str text)
{
	struct sts_policy p;
	const char *why;
	bool kept;

	if (sts_parse(text, &p, &why) == -1) {
		failed(e, TLS_FAILED_STS_POLICY, str_of(why));
		return;
	}
	counts.fetched++;
	e->why[0] = '\0';
	e->failure = TLS_FAILED_NOT;
	e->fetch_again = 0;
	kept = cache_keep(e, str_of(e->found), text, &p);
	log_info(NULL, EV("sts-policy"), KZ("domain", e->domain), KZ("mode", sts_mode_name(p.mode)),
	    KZ("id", e->id), KI("max_age", p.max_age), KI("hosts", p.nhosts));
	settle(e, e->ttl);
	if (kept)
		return;
	/* whoever asks next has it fetched again */
	cache_drop(e);
	e->checked = 0;
}

static void on_fetched(struct ask *a, struct ipc_msg *m)
{
	struct entry *e = a->arg;
	struct fetch_reply r;
	char text[32];
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != FETCH_ASK || get_fetch_reply(&g, &r) == -1) {
		failed(e, TLS_FAILED_STS_FETCH, STR("the HTTPS client does not answer"));
	} else if (r.outcome != FETCH_ANSWERED) {
		failed(e,
		    r.outcome == FETCH_BAD_CERTIFICATE ? TLS_FAILED_STS_WEB : TLS_FAILED_STS_FETCH,
		    r.why.n > 0 ? r.why : str_of(fetch_outcome_name(r.outcome)));
	} else if (r.status != 200) {
		snprintf(text, sizeof text, "status %u", r.status);
		failed(e, TLS_FAILED_STS_FETCH, str_of(text));
	} else if (!plain_text(r.type)) {
		failed(e, TLS_FAILED_STS_POLICY, STR("it is not text/plain"));
	} else {
		take_policy(e, r.body);
	}
}

static void fetch(struct entry *e)
{
	struct fetch_question q = { .kind = FETCH_STS,
		.target = str_of(e->domain),
		.authorization = STR_NONE,
		.body = STR_NONE };
	struct put w = put_start();

	put_fetch_question(&w, &q);
	chan_ask(proc_peer(ROLE_FETCH), &e->ask, FETCH_ASK, &w, NULL, 0, FETCH_MS, on_fetched, e);
}

/* --- by DNS ----------------------------------------------------------------------------------- */

static bool old(const struct entry *e)
{
	int64_t most = e->policy.max_age / 2 < REFRESH_S ? e->policy.max_age / 2 : REFRESH_S;

	return (int64_t)time(NULL) >= e->fetched + most;
}

static void found(struct entry *e, struct str id, uint32_t ttl)
{
	bool same = cache_holds(e) && str_eq(id, str_of(e->id));
	bool tried = str_eq(id, str_of(e->found)) && loop_now() < e->fetch_again;

	str_copy(id, e->found, sizeof e->found);
	e->ttl = ttl;
	if ((same && !old(e)) || tried)
		settle(e, ttl);
	else
		fetch(e);
}

/* RFC 8461 3.1: the one record that is of this kind, or none. */
static const char *pick_record(const struct dns_answer *a, struct str *id)
{
	unsigned n = 0;
	struct str one;
	int r = 0;

	for (uint32_t i = 0; i < a->nrecords && r != -1; i++) {
		r = sts_record(a->records[i].text, &one);
		if (r != 0)
			n++;
		if (r == 1)
			*id = one;
	}
	return r == -1 ? "its _mta-sts record is malformed"
	       : n > 1 ? "it has more than one _mta-sts record"
	       : n < 1 ? "it has no _mta-sts record"
		       : NULL;
}

static void take_answer(struct entry *e, const struct dns_answer *a, struct str why)
{
	struct str id = STR_NONE;
	const char *none;

	if (a->status != DNS_OK && !dns_empty(a->status)) {
		say(e, "lookup of its _mta-sts record failed",
		    why.n > 0 ? why : str_of(dns_status_name(a->status)));
		settle(e, CHECK_FAILED_S);
		return;
	}
	none = pick_record(a, &id);
	if (none != NULL) {
		e->failure = TLS_FAILED_NOT;
		say(e, none, STR_NONE);
		settle(e, a->ttl);
		return;
	}
	found(e, id, a->ttl);
}

static void on_record(struct ask *ask, struct ipc_msg *m)
{
	struct dns_answer a;
	struct arena arena;
	struct str why;

	arena_init(&arena);
	a = txt_answer(m, &arena, &why);
	take_answer(ask->arg, &a, why);
	arena_clear(&arena);
}

static void look(struct entry *e)
{
	e->busy = true;
	if (txt_ask(&e->ask, "_mta-sts", e->domain, on_record, e)) {
		counts.looked++;
		return;
	}
	e->busy = false;
	say(e, "its name is too long to have a policy", STR_NONE);
	settle(e, CHECK_MAX_S);
}

/* --- for others ------------------------------------------------------------------------------- */

void discover(struct entry *e, struct waiter *w)
{
	TAILQ_INSERT_TAIL(&e->waiters, w, next);
	if (e->busy)
		return;
	if (loop_now() < e->checked)
		settle(e, (uint32_t)((e->checked - loop_now()) / SECOND));
	else
		look(e);
}

void discover_forget(const struct chan *c)
{
	struct waiter *w;

	for (struct entry *e = cache_next(NULL); e != NULL; e = cache_next(e))
		TAILQ_FOREACH (w, &e->waiters, next)
			if (w->chan == c)
				w->chan = NULL;
}

void discover_flush(struct entry *e)
{
	cache_drop(e);
	e->checked = e->fetch_again = 0;
	e->failure = TLS_FAILED_NOT;
	e->why[0] = '\0';
}

/* RFC 8461 10.2: whoever can keep us from a look now must not be able to make a policy expire. */
static void sweep(void *arg)
{
	unsigned begun = 0;

	(void)arg;
	timer_set(&sweep_timer, SWEEP_S * SECOND, sweep, NULL);
	for (struct entry *e = cache_next(NULL); e != NULL; e = cache_next(e)) {
		if (e->text == NULL || e->busy)
			continue;
		if (!cache_holds(e)) {
			log_info(NULL, EV("sts-policy-expired"), KZ("domain", e->domain));
			cache_drop(e);
		} else if (old(e) && loop_now() >= e->checked && begun < SWEEP_CHECKS) {
			look(e);
			begun++;
		}
	}
}

void discover_open(void (*fn)(const struct entry *e, const struct waiter *w))
{
	answer = fn;
}

void discover_start(void)
{
	timer_set(&sweep_timer, SWEEP_S * SECOND, sweep, NULL);
}

void discover_status(struct buf *out)
{
	struct cache_counts n = cache_counts();

	buf_printf(out,
	    "domains %u\npolicies %u\nbytes %zu\nlooked %llu\nfetched %llu\nfailed %llu\n",
	    n.entries, n.policies, n.bytes, (unsigned long long)counts.looked,
	    (unsigned long long)counts.fetched, (unsigned long long)counts.failed);
}
