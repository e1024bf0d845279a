/* Logins that were refused. See refused.h. */
#include "proto/refused.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/alloc.h"

enum { REFUSED_MAX = 1000 };

struct refusal {
	TAILQ_ENTRY(refusal) next;
	uint64_t id, until;
	char *nexthop;
	struct status status;
};

static TAILQ_HEAD(refusals, refusal) all = TAILQ_HEAD_INITIALIZER(all); /* oldest first */
static unsigned nall;

static void drop(struct refusal *r)
{
	TAILQ_REMOVE(&all, r, next);
	nall--;
	free(r->nexthop);
	free(r);
}

static struct refusal *find(uint64_t id, struct str nexthop)
{
	struct refusal *r;

	TAILQ_FOREACH (r, &all, next)
		if (r->id == id && str_eq(nexthop, str_of(r->nexthop)))
			return r;
	return NULL;
}

const struct status *refused_lately(uint64_t id, struct str nexthop, uint64_t now)
{
	struct refusal *r = find(id, nexthop);

	if (r != NULL && r->until > now)
		return &r->status;
	if (r != NULL)
		drop(r);
	return NULL;
}

void refused_note(uint64_t id, struct str nexthop, const struct status *st, uint64_t until)
{
	struct refusal *r = find(id, nexthop);

	if (r != NULL)
		drop(r);
	if (nall == REFUSED_MAX)
		drop(TAILQ_FIRST(&all));
	r = xcalloc(1, sizeof *r);
	r->id = id;
	r->until = until;
	r->nexthop = str_dup(nexthop);
	r->status = *st;
	TAILQ_INSERT_TAIL(&all, r, next);
	nall++;
}
