/* Bodies to write messages into. See bodies.h. */
#include "bodies.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "peers.h"
#include "proto/queue.h"
#include "proto/types.h"

TAILQ_HEAD(bodies, body);

static struct bodies stock = TAILQ_HEAD_INITIALIZER(stock);
static struct bodies taken = TAILQ_HEAD_INITIALIZER(taken);
static TAILQ_HEAD(, body_wait) waiters = TAILQ_HEAD_INITIALIZER(waiters);
static unsigned nwaiters, nasked, nbodies;
static uint64_t room = UINT64_MAX; /* not known: the queue says no later */

uint64_t body_room(void)
{
	return room;
}

static void body_free(struct body *b)
{
	if (b->fd != -1)
		close(b->fd);
	free(b);
	nbodies--;
}

/* --- taking ----------------------------------------------------------------------------------- */

struct body *body_take(void)
{
	struct body *b = TAILQ_FIRST(&stock);

	if (b == NULL)
		return NULL;
	TAILQ_REMOVE(&stock, b, next);
	TAILQ_INSERT_TAIL(&taken, b, next);
	return b;
}

/* The queue answers such a notice with as many bodies, or fewer when it has none to give. */
static void ask_for_more(void)
{
	unsigned n = nwaiters - nasked;
	struct put w;

	if (nwaiters <= nasked || nbodies >= STOCK_MAX)
		return;
	if (n > STOCK_PACKET)
		n = STOCK_PACKET;
	if (n > STOCK_MAX - nbodies)
		n = STOCK_MAX - nbodies;
	w = put_start();
	put_u32(&w, n);
	if (chan_send(peer(ROLE_QUEUE), QUEUE_STOCK, &w, NULL, 0) == 0)
		nasked += n;
}

void body_wait(struct body_wait *w, void (*fn)(struct body_wait *w, struct body *b))
{
	w->fn = fn;
	w->waiting = true;
	TAILQ_INSERT_TAIL(&waiters, w, next);
	nwaiters++;
	ask_for_more();
}

void body_wait_cancel(struct body_wait *w)
{
	if (!w->waiting)
		return;
	w->waiting = false;
	TAILQ_REMOVE(&waiters, w, next);
	nwaiters--;
}

static void serve_waiters(void)
{
	struct body_wait *w;

	while ((w = TAILQ_FIRST(&waiters)) != NULL && !TAILQ_EMPTY(&stock)) {
		body_wait_cancel(w);
		w->fn(w, body_take());
	}
	if (nwaiters == 0)
		nasked = 0;
	ask_for_more();
}

void body_add(uint64_t id, int *fd)
{
	struct body *b = xcalloc(1, sizeof *b);

	b->id = id;
	b->fd = *fd;
	*fd = -1;
	nbodies++;
	TAILQ_INSERT_TAIL(&stock, b, next);
	serve_waiters();
}

int body_on_stock(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct queue_stock s;

	(void)c;
	if (get_stock(&g, &s) == -1 || s.n != m->nfds)
		return -1;
	room = s.room;
	nasked = s.n < nasked ? nasked - s.n : 0;
	for (uint32_t i = 0; i < s.n; i++) {
		int fd = ipc_take_fd(m, i);

		body_add(s.ids[i], &fd);
	}
	return 0;
}

void body_queue_down(void)
{
	struct body_wait *w;
	struct body *b;

	while ((b = TAILQ_FIRST(&stock)) != NULL) {
		TAILQ_REMOVE(&stock, b, next);
		body_free(b);
	}
	TAILQ_FOREACH (b, &taken, next)
		b->lost = true;
	nasked = 0;
	room = UINT64_MAX;
	while ((w = TAILQ_FIRST(&waiters)) != NULL) {
		body_wait_cancel(w);
		w->fn(w, NULL);
	}
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return -1;
		s = str_skip(s, (size_t)n);
	}
	return 0;
}

int body_write(struct body *b, struct str s)
{
	b->dirty = true;
	if (write_all(b->fd, s) == -1)
		return -1;
	b->size += s.n;
	return 0;
}

int body_enlarge(struct body *b, int *file)
{
	static char copy[64 * 1024];
	int old = b->fd, r = 0, saved;

	b->fd = *file;
	b->large = true;
	*file = -1;
	for (uint64_t at = 0; at < b->size && r == 0;) {
		/* the memory file is always longer than what has been written to it */
		size_t most = b->size - at < sizeof copy ? b->size - at : sizeof copy;
		ssize_t n = pread(old, copy, most, (off_t)at);

		if (n == 0)
			errno = EIO;
		r = n <= 0 ? -1 : write_all(b->fd, str_bytes(copy, (size_t)n));
		at += n <= 0 ? 0 : (uint64_t)n;
	}
	saved = errno;
	close(old);
	errno = saved;
	return r;
}

/* --- giving back ------------------------------------------------------------------------------ */

void body_done(struct body *b)
{
	TAILQ_REMOVE(&taken, b, next);
	body_free(b);
}

void body_drop(struct body *b)
{
	struct put w;

	if (b->lost) {
		body_done(b);
		return;
	}
	if (!b->dirty && !b->large) {
		TAILQ_REMOVE(&taken, b, next);
		TAILQ_INSERT_HEAD(&stock, b, next);
		serve_waiters();
		return;
	}
	w = put_start();
	put_u64(&w, b->id);
	chan_send(peer(ROLE_QUEUE), QUEUE_ABORT, &w, NULL, 0);
	body_done(b);
	ask_for_more();
}
