/* Who talks to whom. See peers.h. */
#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/boot.h"

enum {
	PAUSE_FIRST = 100, /* ms before a lost channel is replaced; doubled each time */
	PAUSE_MAX = 60 * 1000,
	HELD_WELL = 300 * 1000, /* ms after which an earlier loss is forgotten */
};

/* Two processes that have lost a channel; kept until one of them ends. At most one for each pair.
 */
struct lost {
	TAILQ_ENTRY(lost) next;
	struct child *a, *b;
	unsigned times;
	uint64_t due; /* ms; 0 = there is a channel */
	uint64_t made;
};
static TAILQ_HEAD(, lost) losses = TAILQ_HEAD_INITIALIZER(losses);

static bool talks(const struct child *c)
{
	return c->state == CHILD_BOOTING || c->state == CHILD_READY || c->state == CHILD_RETIRED;
}

/* Does a ask b? */
static bool asks(const struct child *a, const struct child *b)
{
	for (const struct edge *e = edges; e->role != ROLE_NONE; e++)
		if (e->role == a->row->role && (e->peers & ROLE_BIT(b->row->role)) != 0)
			return true;
	return b->row->role == ROLE_LOG && a->row->role != ROLE_LOG;
}

/* One that has been replaced goes on asking, and nobody asks it any more. */
static bool are_peers(const struct child *a, const struct child *b)
{
	return (asks(a, b) && b->state != CHILD_RETIRED) ||
	       (asks(b, a) && a->state != CHILD_RETIRED);
}

static void connect_pair(struct child *a, struct child *b)
{
	int pair[2];

	if (ipc_pair(pair) == -1) {
		log_error(NULL, EV("pair-failed"), KERRNO);
		return;
	}
	/* the log stamps each event with the process that said it */
	if (a->row->role == ROLE_LOG || b->row->role == ROLE_LOG)
		ipc_want_pid(pair[a->row->role == ROLE_LOG ? 0 : 1]);
	/* a peer that cannot be told is dying; it gets new channels when it is back */
	boot_peer(a->control, b->row->role, b->instance, pair[0]);
	boot_peer(b->control, a->row->role, a->instance, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

void peers_connect(struct suite *s, struct child *c)
{
	struct child *other;
	int pair[2];

	TAILQ_FOREACH (other, &s->children, next)
		if (other != c && talks(other) && !other->candidate && are_peers(c, other))
			connect_pair(c, other);
	if (c->row->role == ROLE_LOG && ipc_pair(pair) == 0) {
		ipc_want_pid(pair[1]);
		boot_peer(c->control, ROLE_MASTER, 0, pair[1]);
		close(pair[1]);
		log_open(&pair[0], "master");
	}
}

/* --- channels that were lost ------------------------------------------------------------------ */

static struct child *find(struct suite *s, enum role role, unsigned instance)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->row->role == role && c->instance == instance)
			return c;
	return NULL;
}

static struct lost *lost_of(struct child *a, struct child *b)
{
	struct lost *l;

	TAILQ_FOREACH (l, &losses, next)
		if ((l->a == a && l->b == b) || (l->a == b && l->b == a))
			return l;
	l = xcalloc(1, sizeof *l);
	l->a = a;
	l->b = b;
	TAILQ_INSERT_TAIL(&losses, l, next);
	return l;
}

void peers_lost(struct suite *s, struct child *c, enum role role, unsigned instance)
{
	struct child *other = find(s, role, instance);
	uint64_t now = now_ms(), pause = PAUSE_FIRST;
	struct lost *l;

	if (other == NULL || other == c || !talks(c) || !talks(other) || !are_peers(c, other))
		return;
	l = lost_of(c, other);
	if (l->due != 0)
		return; /* the other end has said so already */
	l->times = now - l->made > HELD_WELL ? 0 : l->times + 1;
	for (unsigned i = 0; i < l->times && pause < PAUSE_MAX; i++)
		pause *= 2;
	l->due = now + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
}

void peers_forget(struct suite *s, const struct child *c)
{
	struct lost *l, *next;

	(void)s;
	for (l = TAILQ_FIRST(&losses); l != NULL; l = next) {
		next = TAILQ_NEXT(l, next);
		if (l->a != c && l->b != c)
			continue;
		TAILQ_REMOVE(&losses, l, next);
		free(l);
	}
}

static void replace(struct suite *s, struct lost *l)
{
	l->due = 0;
	l->made = now_ms();
	if (!talks(l->a) || !talks(l->b))
		return;
	connect_pair(l->a, l->b);
	s->replaced++;
	log_warning(NULL, EV("channel-replaced"), KZ("between", role_name(l->a->row->role)),
	    KI("instance", l->a->instance), KZ("and", role_name(l->b->row->role)),
	    KI("other_instance", l->b->instance), KI("times", l->times + 1));
}

int peers_step(struct suite *s)
{
	uint64_t now = now_ms();
	struct lost *l;
	int wait = -1;

	TAILQ_FOREACH (l, &losses, next) {
		if (l->due != 0 && l->due <= now)
			replace(s, l);
		else if (l->due != 0 && (wait == -1 || (int)(l->due - now) < wait))
			wait = (int)(l->due - now) + 1;
	}
	return wait;
}
