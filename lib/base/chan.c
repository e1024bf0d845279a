/* A channel to another process. See chan.h. */
#include "base/chan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
	RECV_BURST = 32, /* packets per wake-up, so that one peer cannot starve the others */
	FD_COST = 4096, /* bytes of output that a waiting descriptor counts for */
};

struct chan_out {
	TAILQ_ENTRY(chan_out) next;
	struct ipc_msg m;
	size_t cost;
	char body[];
};

/* Outstanding requests of the process by id - 1; gen makes a late answer to a reused id miss. */
static struct slot {
	struct ask *ask; /* NULL = free */
	uint32_t gen;
	uint32_t next_free; /* id */
} * slots;
static uint32_t nslots, first_free;
static uint64_t packets;

uint64_t chan_packets(void)
{
	return packets;
}

/* --- requests -------------------------------------------------------------------------------- */

static void slot_take(struct ask *a)
{
	if (first_free == 0) {
		uint32_t n = nslots == 0 ? 64 : nslots * 2;

		slots = xreallocarray(slots, n, sizeof *slots);
		for (uint32_t i = n; i > nslots; i--) {
			slots[i - 1] = (struct slot){ .gen = 1, .next_free = first_free };
			first_free = i;
		}
		nslots = n;
	}
	a->id = first_free;
	first_free = slots[a->id - 1].next_free;
	slots[a->id - 1].ask = a;
	a->gen = slots[a->id - 1].gen;
}

static void slot_release(struct ask *a)
{
	struct slot *s = &slots[a->id - 1];

	s->ask = NULL;
	s->gen++;
	s->next_free = first_free;
	first_free = a->id;
	a->id = 0;
}

static struct ask *slot_find(struct chan *c, const struct ipc_msg *m)
{
	struct ask *a;

	if (m->id == 0 || m->id > nslots || slots[m->id - 1].gen != m->gen)
		return NULL;
	a = slots[m->id - 1].ask;
	return a != NULL && a->chan == c ? a : NULL;
}

void ask_cancel(struct ask *a)
{
	timer_clear(&a->deadline);
	if (a->chan != NULL) {
		TAILQ_REMOVE(&a->chan->asks, a, next);
		slot_release(a);
		if (a->chan->leaving)
			watch_wake(&a->chan->watch);
		a->chan = NULL;
	}
}

static void ask_end(struct ask *a, struct ipc_msg *m)
{
	ask_cancel(a);
	a->done(a, m);
}

static void ask_expired(void *arg)
{
	ask_end(arg, NULL);
}

/* --- sending --------------------------------------------------------------------------------- */

static void chan_ready(void *arg, unsigned what);

/* What waits is bounded by this, or small packets and their descriptors would have no bound. */
static size_t out_cost(const struct ipc_msg *m)
{
	return sizeof(struct chan_out) + m->body.n + (size_t)m->nfds * FD_COST;
}

static void out_free(struct chan *c, struct chan_out *o)
{
	TAILQ_REMOVE(&c->out, o, next);
	c->out_bytes -= o->cost;
	for (unsigned i = 0; i < o->m.nfds; i++)
		close(o->m.fds[i]);
	explicit_bzero(o->body, o->m.body.n); /* it may hold a password */
	free(o);
}

static int out_append(struct chan *c, const struct ipc_msg *m)
{
	struct chan_out *o;

	if (c->out_bytes + out_cost(m) > CHAN_OUT_MAX) {
		errno = ENOBUFS;
		return -1;
	}
	o = xmalloc(sizeof *o + m->body.n);
	o->m = *m;
	o->m.nfds = 0;
	o->cost = out_cost(m);
	if (m->body.n > 0)
		memcpy(o->body, m->body.p, m->body.n);
	o->m.body.p = o->body;
	TAILQ_INSERT_TAIL(&c->out, o, next);
	c->out_bytes += o->cost;
	for (unsigned i = 0; i < m->nfds; i++) {
		int fd = dup(m->fds[i]);

		if (fd == -1) {
			out_free(c, o);
			return -1;
		}
		o->m.fds[o->m.nfds++] = fd;
	}
	watch_set(&c->watch, c->fd, WATCH_READ | WATCH_WRITE, chan_ready, c);
	return 0;
}

static int send_packet(
    struct chan *c, struct ipc_msg *m, const struct put *w, const int *fds, unsigned nfds)
{
	if (c == NULL || c->fd == -1) {
		errno = EPIPE;
		return -1;
	}
	if (nfds > IPC_FDS_MAX || (w != NULL && w->bad)) {
		errno = EMSGSIZE;
		return -1;
	}
	m->body = w != NULL ? put_view(w) : STR_NONE;
	m->nfds = nfds;
	if (nfds > 0)
		memcpy(m->fds, fds, nfds * sizeof *fds);
	packets++;
	if (!TAILQ_EMPTY(&c->out))
		return out_append(c, m);
	if (ipc_send(c->fd, m) == 0)
		return 0;
	/* a gone peer is noticed by the read side, which tells everybody in order */
	return errno == EAGAIN || errno == ENOBUFS ? out_append(c, m) : -1;
}

int chan_send(struct chan *c, uint16_t type, const struct put *w, const int *fds, unsigned nfds)
{
	struct ipc_msg m = { .type = type };

	return send_packet(c, &m, w, fds, nfds);
}

int chan_answer(struct chan *c, struct chan_ref ref, uint16_t type, const struct put *w,
    const int *fds, unsigned nfds)
{
	struct ipc_msg m = { .type = type, .flags = IPC_REPLY, .id = ref.id, .gen = ref.gen };

	return send_packet(c, &m, w, fds, nfds);
}

int chan_answer_part(struct chan *c, struct chan_ref ref, uint16_t type, const struct put *w)
{
	struct ipc_msg m = {
		.type = type,
		.flags = IPC_REPLY | IPC_MORE,
		.id = ref.id,
		.gen = ref.gen,
	};

	return send_packet(c, &m, w, NULL, 0);
}

int chan_reply(struct chan *c, const struct ipc_msg *to, uint16_t type, const struct put *w,
    const int *fds, unsigned nfds)
{
	return chan_answer(c, (struct chan_ref){ to->id, to->gen }, type, w, fds, nfds);
}

void chan_ask(struct chan *c, struct ask *a, uint16_t type, const struct put *w, const int *fds,
    unsigned nfds, uint64_t ms, void (*done)(struct ask *, struct ipc_msg *), void *arg)
{
	struct ipc_msg m = { .type = type };

	assert(a->chan == NULL && !a->deadline.armed);
	a->done = done;
	a->arg = arg;
	if (c != NULL && c->fd != -1) {
		slot_take(a);
		m.id = a->id;
		m.gen = a->gen;
		if (send_packet(c, &m, w, fds, nfds) == 0) {
			a->chan = c;
			TAILQ_INSERT_TAIL(&c->asks, a, next);
			timer_set(&a->deadline, ms, ask_expired, a);
			return;
		}
		slot_release(a);
	}
	timer_set(&a->deadline, 0, ask_expired, a);
}

/* --- receiving ------------------------------------------------------------------------------- */

static void chan_fail(struct chan *c)
{
	chan_close(c);
	if (c->down != NULL)
		c->down(c);
}

static int chan_dispatch(struct chan *c, struct ipc_msg *m)
{
	const struct chan_row *row;

	if ((m->flags & IPC_REPLY) != 0) {
		struct ask *a = slot_find(c, m);

		/* an answer that came too late is no fault of the peer */
		if (a == NULL)
			return 0;
		if ((m->flags & IPC_MORE) == 0)
			ask_end(a, m);
		else if (a->parts)
			a->done(a, m);
		else
			return -1;
		return 0;
	}
	for (row = c->rows; row != NULL && row->type != 0; row++)
		if (row->type == m->type)
			return m->nfds > row->max_fds ? -1 : row->fn(c, m);
	return -1;
}

static void chan_read(struct chan *c)
{
	static uint8_t space[IPC_PACKET_MAX];
	bool gone = false; /* raised when a handler closes c, after which c may be freed */

	c->gone = &gone;
	for (int i = 0; i < RECV_BURST; i++) {
		struct ipc_msg m;
		int r = ipc_recv(c->fd, &m, space);

		if (r == -1 && errno == EAGAIN)
			break;
		if (r != 1) {
			chan_fail(c);
			return;
		}
		packets++;
		r = chan_dispatch(c, &m);
		ipc_close_fds(&m);
		if (gone)
			return;
		if (r == -1) {
			chan_fail(c);
			return;
		}
		/* nothing more is expected: the loop will tell if there is something all the same
		 */
		if ((m.flags & IPC_REPLY) != 0 && TAILQ_EMPTY(&c->asks))
			break;
	}
	c->gone = NULL;
	if (c->leaving && TAILQ_EMPTY(&c->asks))
		chan_fail(c);
}

static void chan_write(struct chan *c)
{
	struct chan_out *o;

	while ((o = TAILQ_FIRST(&c->out)) != NULL) {
		/* a gone peer is noticed by the read side */
		if (ipc_send(c->fd, &o->m) == -1)
			return;
		out_free(c, o);
	}
	watch_set(&c->watch, c->fd, WATCH_READ, chan_ready, c);
}

static void chan_ready(void *arg, unsigned what)
{
	struct chan *c = arg;

	if ((what & WATCH_WRITE) != 0)
		chan_write(c);
	if ((what & WATCH_READ) != 0)
		chan_read(c);
}

void chan_init(struct chan *c, int *fd, const struct chan_row *rows, void (*down)(struct chan *))
{
	c->fd = *fd;
	*fd = -1;
	c->rows = rows;
	c->down = down;
	c->leaving = false;
	c->gone = NULL;
	TAILQ_INIT(&c->out);
	c->out_bytes = 0;
	TAILQ_INIT(&c->asks);
	watch_set(&c->watch, c->fd, WATCH_READ, chan_ready, c);
}

void chan_close(struct chan *c)
{
	struct chan_out *o;
	struct ask *a;

	if (c->fd == -1)
		return;
	watch_clear(&c->watch);
	close(c->fd);
	c->fd = -1;
	if (c->gone != NULL)
		*c->gone = true;
	c->gone = NULL;
	while ((o = TAILQ_FIRST(&c->out)) != NULL)
		out_free(c, o);
	while ((a = TAILQ_FIRST(&c->asks)) != NULL)
		ask_end(a, NULL);
}

void chan_leave(struct chan *c)
{
	c->leaving = true;
	watch_wake(&c->watch);
}
