/* Explaining a next hop. See explain.h. */
#include "explain.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/id.h"
#include "lately.h"
#include "hop.h"
#include "proto/types.h"
#include "settings.h"

struct question {
	struct chan *chan;
	struct chan_ref ref;
	struct hop *hop;
	struct site_wait wait;
	LIST_ENTRY(question) next;
};

static LIST_HEAD(, question) questions = LIST_HEAD_INITIALIZER(questions);

static void question_free(struct question *q)
{
	site_find_cancel(&q->wait);
	hop_unpin(q->hop);
	LIST_REMOVE(q, next);
	free(q);
}

static bool is_dead(const struct ip *ip, uint16_t port)
{
	return lately_for(LATELY_DEAD, ip, port, loop_now()) > 0;
}

static void fill_tries(const struct site *s, struct hop_reply *r)
{
	static struct hop_try tries[HOP_TRIES_MAX];
	struct site_order o;
	uint64_t seed = id_random();

	site_order(s, settings()->family, &seed, is_dead, &o);
	for (unsigned i = 0; i < o.n; i++)
		tries[i] = (struct hop_try){ .ip = o.at[i].ip,
			.host = o.at[i].host,
			.dead_ms = lately_for(LATELY_DEAD, &o.at[i].ip, s->port, loop_now()) };
	r->tries = tries;
	r->ntries = o.n;
}

static void on_site(void *arg, struct site *s)
{
	struct question *q = arg;
	struct hop_reply r = { .status = s->status,
		.source = (uint8_t)s->source,
		.port = s->port,
		.mail = s->mail,
		.usable = s->usable };
	struct put w = put_start();

	if (s->status.code == 0)
		fill_tries(s, &r);
	put_hop_reply(&w, &r);
	chan_answer(q->chan, q->ref, DELIVER_HOP, &w, NULL, 0);
	site_release(s);
	question_free(q);
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
		    STR_ARG(ask.nexthop));
		w = put_start();
		put_hop_reply(&w, &bad);
		chan_reply(c, m, DELIVER_HOP, &w, NULL, 0);
		return 0;
	}
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
