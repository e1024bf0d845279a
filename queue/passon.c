/* Questions that are passed on. See passon.h. */
#include "passon.h"

#include <stdlib.h>
#include <sysexits.h>

#include "base/alloc.h"
#include "proto/callers.h"
#include "proto/control.h"
#include "proto/credentials.h"
#include "proto/deliver.h"
#include "proto/proc.h"
#include "proto/resolve.h"
#include "proto/types.h"

enum { PASSED_MAX = 64, PASS_MS = 60 * 1000 };

struct passed {
	struct ask ask; /* first */
	struct chan *tool;
	struct chan_ref ref;
	uint16_t type;
	LIST_ENTRY(passed) next;
};

static LIST_HEAD(, passed) all = LIST_HEAD_INITIALIZER(all);
static unsigned nall;

/* The peer takes whoever sends nonsense for broken: so nothing is sent that does not decode. */
static bool good_route(struct get *g)
{
	struct route_question q;

	return get_route_question(g, &q) == 0;
}

static bool good_lane(struct get *g)
{
	struct lane_question q;

	return get_lane_question(g, &q) == 0;
}

static bool good_resolve(struct get *g)
{
	struct resolve_question q;

	return get_resolve_question(g, &q) == 0;
}

static bool good_hop(struct get *g)
{
	struct hop_question q;

	return get_hop_question(g, &q) == 0;
}

static bool good_reply(struct get *g)
{
	struct reply_question q;

	return get_reply_question(g, &q) == 0;
}

static bool good_look(struct get *g)
{
	struct credential_look l;

	return get_credential_look(g, &l) == 0;
}

static const struct kind {
	uint16_t type;
	enum role role;
	bool (*good)(struct get *g);
} kinds[] = {
	{ LOOKUP_ROUTE, ROLE_LOOKUP, good_route },
	{ LOOKUP_EXPLAIN, ROLE_LOOKUP, good_route },
	{ LOOKUP_LANE, ROLE_LOOKUP, good_lane },
	{ DELIVER_HOP, ROLE_REMOTE, good_hop },
	{ DELIVER_REPLY, ROLE_REMOTE, good_reply },
	{ CREDENTIALS_LOOK, ROLE_CREDENTIALS, good_look },
	{ RESOLVE_ASK, ROLE_RESOLVER, good_resolve },
};

static void passed_free(struct passed *p)
{
	ask_cancel(&p->ask);
	LIST_REMOVE(p, next);
	nall--;
	free(p);
}

static void on_answer(struct ask *a, struct ipc_msg *m)
{
	struct passed *p = (struct passed *)a;
	struct put w = put_start();
	bool more = m != NULL && (m->flags & IPC_MORE) != 0;

	if (m != NULL && m->type == p->type) {
		put_str(&w, m->body);
		chan_answer(p->tool, p->ref, CONTROL_RECORD, &w, NULL, 0);
	}
	if (more)
		return;
	if (m != NULL)
		caller_end(p->tool, p->ref, EX_OK, "");
	else
		caller_end(p->tool, p->ref, EX_TEMPFAIL, "The service that knows does not answer");
	passed_free(p);
}

static const struct kind *find(uint16_t type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

int passon_question(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body), inner;
	const struct kind *k = find(get_u16(&g));
	struct str body = get_str(&g, IPC_BODY_MAX);
	struct put w;
	struct passed *p;

	inner = get_start(body);
	if (get_end(&g) == -1 || k == NULL || !k->good(&inner))
		return -1;
	if (nall >= PASSED_MAX) {
		caller_end(
		    c, (struct chan_ref){ m->id, m->gen }, EX_TEMPFAIL, "Too many questions");
		return 0;
	}
	p = xcalloc(1, sizeof *p);
	p->tool = c;
	p->ref = (struct chan_ref){ m->id, m->gen };
	p->type = k->type;
	p->ask.parts = true;
	LIST_INSERT_HEAD(&all, p, next);
	nall++;
	/* as it is: it has been found good */
	w = put_into((void *)(uintptr_t)body.p, body.n);
	w.n = body.n;
	chan_ask(proc_peer(k->role), &p->ask, k->type, &w, NULL, 0, PASS_MS, on_answer, NULL);
	return 0;
}

void passon_forget(struct chan *c)
{
	struct passed *p = LIST_FIRST(&all), *next;

	for (; p != NULL; p = next) {
		next = LIST_NEXT(p, next);
		if (p->tool == c)
			passed_free(p);
	}
}
