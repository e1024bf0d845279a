/* Explaining a next hop. See explain.h. */
#include "explain.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/id.h"
#include "lately.h"
#include "hop.h"
#include "proto/types.h"
#include "settings.h"
#include "tlspolicy.h"

struct question {
	struct chan *chan;
	struct chan_ref ref;
	uint64_t trace;
	struct hop *hop;
	struct site_wait wait;
	struct site *site;
	struct tlspolicy_find policy; /* of one host after the other */
	uint32_t host;
	struct hop_policy policies[HOP_POLICIES_MAX];
	uint32_t npolicies;
	struct arena arena;
	LIST_ENTRY(question) next;
};

static LIST_HEAD(, question) questions = LIST_HEAD_INITIALIZER(questions);

static void question_free(struct question *q)
{
	site_find_cancel(&q->wait);
	site_release(q->site);
	tlspolicy_clear(&q->policy);
	arena_clear(&q->arena);
	hop_unpin(q->hop);
	LIST_REMOVE(q, next);
	free(q);
}

static bool is_dead(const struct ip *ip, uint16_t port)
{
	return lately_for(LATELY_DEAD, ip, port, loop_now()) > 0;
}

static void fill_tries(const struct question *q, const struct site *s, struct hop_reply *r)
{
	static struct hop_try tries[HOP_TRIES_MAX];
	struct site_order o;
	struct families f = hop_families(q->hop);
	uint64_t seed = id_random();

	site_order(s, &f, &seed, is_dead, &o);
	for (unsigned i = 0; i < o.n; i++)
		tries[i] = (struct hop_try){ .ip = o.at[i].ip,
			.host = o.at[i].host,
			.dead_ms = lately_for(LATELY_DEAD, &o.at[i].ip, s->port, loop_now()) };
	r->tries = tries;
	r->ntries = o.n;
}

static void answer(struct question *q)
{
	struct site *s = q->site;
	struct hop_reply r = { .status = s->status,
		.families = hop_families(q->hop),
		.source = (uint8_t)s->source,
		.port = s->port,
		.mail = s->mail,
		.usable = s->usable,
		.policies = q->policies,
		.npolicies = q->npolicies };
	struct put w = put_start();

	if (s->source == HOP_SOCKET) { /* nothing that DNS knows */
		r.mail = (struct mail_reply){ .why = STR_NONE };
		r.usable = 0;
	} else if (s->status.code == 0)
		fill_tries(q, s, &r);
	put_hop_reply(&w, &r);
	if (w.bad) { /* many long names: then without this */
		r.npolicies = 0;
		w = put_start();
		put_hop_reply(&w, &r);
	}
	chan_answer(q->chan, q->ref, DELIVER_HOP, &w, NULL, 0);
	question_free(q);
}

/* --- policies --------------------------------------------------------------------------------- */

static bool is_usable(const struct tlspolicy *p, const struct dns_record *r)
{
	const struct tls_association t = { r->usage, r->selector, r->matching, r->text };

	return p->base.n > 0 && dane_usable(&t);
}

static void keep_records(struct question *q, const struct tlspolicy *p, struct hop_policy *out)
{
	uint32_t n = p->found.nrecords;

	out->more = p->found.more || n > HOP_RECORDS_MAX;
	out->nrecords = n < HOP_RECORDS_MAX ? n : HOP_RECORDS_MAX;
	out->records = arena_array(&q->arena, out->nrecords, sizeof *out->records);
	for (uint32_t i = 0; i < out->nrecords; i++) {
		const struct dns_record *r = &p->found.records[i];

		out->records[i] =
		    (struct hop_record){ r->usage, r->selector, r->matching, is_usable(p, r),
			    arena_str(&q->arena, str_take(r->text, HOP_RECORD_DATA_MAX)) };
	}
}

static void next_policy(struct question *q);

static void on_policy(void *arg)
{
	struct question *q = arg;
	const struct tlspolicy *p = &q->policy.policy;
	struct hop_policy *out = &q->policies[q->npolicies++];

	*out = (struct hop_policy){ .host = q->host,
		.status = p->status,
		.source = (uint8_t)p->source,
		.level = (uint8_t)p->wish.level,
		.reason = arena_str(&q->arena, str_of(p->reason)),
		.base = arena_str(&q->arena, p->base) };
	keep_records(q, p, out);
	q->host++;
	next_policy(q);
}

static void next_policy(struct question *q)
{
	struct site *s = q->site;

	while (q->host < s->usable && s->mail.hosts[q->host].nips == 0)
		q->host++;
	if (s->status.code != 0 || q->host >= s->usable || q->npolicies == HOP_POLICIES_MAX) {
		answer(q);
		return;
	}
	tlspolicy_clear(&q->policy);
	tlspolicy_find(&q->policy,
	    &(struct tlspolicy_question){ .wish = &q->hop->wish,
		.hop = &q->hop->target,
		.site = s,
		.host = q->host,
		.trace = q->trace },
	    on_policy, q);
}

static void on_site(void *arg, struct site *s)
{
	struct question *q = arg;

	q->site = s;
	next_policy(q);
}

int explain_hop(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct hop_reply bad = { .mail = { .why = STR_NONE } };
	struct hop_question ask;
	struct question *q;
	struct put w;

	if (get_hop_question(&g, &ask) == -1)
		return -1;
	q = xcalloc(1, sizeof *q);
	q->hop = hop_pin(&ask);
	if (q->hop == NULL) {
		free(q);
		status_set(&bad.status, 451, "4.3.5", "next hop \"%.*s\" is not valid",
		    STR_ARG(ask.hop.nexthop));
		w = put_start();
		put_hop_reply(&w, &bad);
		chan_reply(c, m, DELIVER_HOP, &w, NULL, 0);
		return 0;
	}
	arena_init(&q->arena);
	q->trace = ask.trace;
	q->chan = c;
	q->ref = (struct chan_ref){ m->id, m->gen };
	LIST_INSERT_HEAD(&questions, q, next);
	site_find(&q->hop->finder, &q->wait, ask.trace, on_site, q);
	return 0;
}

void explain_forget(struct chan *c)
{
	struct question *q = LIST_FIRST(&questions), *next;

	for (; q != NULL; q = next) {
		next = LIST_NEXT(q, next);
		if (q->chan == c)
			question_free(q);
	}
}
