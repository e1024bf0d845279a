/* The channels of a program to its peers. See peer.h. */
#include "proto/peer.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/boot.h"

struct peer {
	struct chan chan; /* first */
	const struct peer_spec *spec;
	int pending; /* the descriptor until the program has started */
	TAILQ_ENTRY(peer) next;
};

static TAILQ_HEAD(peers, peer) peers = TAILQ_HEAD_INITIALIZER(peers); /* newest first */
static const struct peer_spec *specs;
static int control;
static void (*changed)(void);
static bool started;

void peers_init(const struct peer_spec *table, int control_fd, void (*fn)(void))
{
	specs = table;
	control = control_fd;
	changed = fn;
}

struct chan *proc_peer(enum role r)
{
	struct peer *p;

	TAILQ_FOREACH (p, &peers, next)
		if (p->chan.role == r && p->chan.fd != -1)
			return &p->chan;
	return NULL;
}

struct chan *proc_peer_nth(enum role r, unsigned instance)
{
	struct peer *p;

	TAILQ_FOREACH (p, &peers, next)
		if (p->chan.role == r && p->chan.instance == instance && p->chan.fd != -1)
			return &p->chan;
	return NULL;
}

void proc_each_peer(enum role r, void (*fn)(struct chan *c))
{
	struct peer *p, *next;

	for (p = TAILQ_FIRST(&peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, next);
		if (p->chan.role == r && p->chan.fd != -1)
			fn(&p->chan);
	}
}

bool peers_asking(void)
{
	struct peer *p;

	TAILQ_FOREACH (p, &peers, next)
		if (p->spec->asks)
			return true;
	return false;
}

static void peer_down(struct chan *c)
{
	struct peer *p = (struct peer *)c;

	TAILQ_REMOVE(&peers, p, next);
	log_debug(
	    NULL, EV("peer-gone"), KZ("peer", role_name(c->role)), KI("instance", c->instance));
	if (p->spec->down != NULL)
		p->spec->down(c);
	if (!c->leaving)
		boot_lost(control, c->role, c->instance);
	free(p);
	changed();
}

/* A new channel to the same process takes the place of the old one. Where there is one process of a
 * role to ask, what was asked of another one may still end there. */
static void peer_supersede(const struct peer *fresh)
{
	struct peer *p, *next;

	for (p = TAILQ_FIRST(&peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, next);
		if (p == fresh || p->spec != fresh->spec || p->chan.fd == -1)
			continue;
		if (p->chan.instance == fresh->chan.instance) {
			p->chan.leaving = true; /* master knows */
			chan_close(&p->chan);
			peer_down(&p->chan);
		} else if (p->spec->one) {
			chan_leave(&p->chan);
		}
	}
}

static void peer_connect(struct peer *p)
{
	if (p->spec->raw != NULL) {
		TAILQ_REMOVE(&peers, p, next);
		p->spec->raw(p->pending, p->chan.instance);
		free(p);
		return;
	}
	peer_supersede(p);
	chan_init(&p->chan, &p->pending, p->spec->rows, peer_down);
	if (p->spec->up != NULL)
		p->spec->up(&p->chan);
}

void peers_add(enum role role, unsigned instance, int fd)
{
	const struct peer_spec *spec = specs;
	struct peer *p;

	while (spec != NULL && spec->role != ROLE_NONE && spec->role != role)
		spec++;
	if (spec == NULL || spec->role == ROLE_NONE) {
		close(fd);
		return;
	}
	p = xcalloc(1, sizeof *p);
	p->spec = spec;
	p->pending = fd;
	p->chan.fd = -1;
	p->chan.role = (uint8_t)role;
	p->chan.instance = (uint16_t)instance;
	TAILQ_INSERT_HEAD(&peers, p, next);
	if (started)
		peer_connect(p);
}

/* In the order in which they have come: the newest is the one to ask. */
void peers_start(void)
{
	struct peer *p, *newer;

	started = true;
	for (p = TAILQ_LAST(&peers, peers); p != NULL; p = newer) {
		newer = TAILQ_PREV(p, peers, next);
		peer_connect(p);
	}
}
