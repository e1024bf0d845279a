/* Bodies handed out to smtpd. See stock.h. */
#include "stock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "proto/types.h"
#include "settings.h"
#include "space.h"
#include "spool.h"

static TAILQ_HEAD(, client) clients = TAILQ_HEAD_INITIALIZER(clients);
static uint64_t told_room = UINT64_MAX;

/* --- bodies ----------------------------------------------------------------------------------- */

struct body *stock_find(struct client *c, uint64_t id)
{
	struct body *b;

	TAILQ_FOREACH (b, &c->bodies, next) {
		if (b->id == id)
			return b;
	}
	return NULL;
}

int stock_memory(void)
{
	int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1 || (ftruncate(fd, BODY_SMALL) == 0 &&
			    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0))
		return fd;
	close(fd);
	return -1;
}

struct body *stock_new(struct client *c)
{
	struct body *b;
	int fd;

	if (c->nbodies >= STOCK_MAX)
		return NULL;
	fd = stock_memory();
	if (fd == -1) {
		log_error(NULL, EV("no-body"), KERRNO);
		return NULL;
	}
	b = xcalloc(1, sizeof *b);
	b->id = message_id();
	b->kind = BODY_MEMORY;
	b->fd = fd;
	b->append = -1;
	b->client = c;
	c->nbodies++;
	TAILQ_INSERT_HEAD(&c->bodies, b, next);
	return b;
}

/* Out of the hands of smtpd; the descriptors and the file are somebody else's now. */
static void unlist(struct body *b)
{
	if (b->client == NULL)
		return;
	b->client->nbodies--;
	TAILQ_REMOVE(&b->client->bodies, b, next);
	b->client = NULL;
}

static int run_remove(struct task *t)
{
	const struct body *b = (struct body *)t;

	return spool_remove(b->id, 0) == -1 ? errno : 0;
}

static void body_free(struct task *t, int error)
{
	struct body *b = (struct body *)t;
	struct entry *e = entry_find(b->id);

	(void)error; /* what is left is unsealed, and goes at the next start */
	space_release(b->reserved);
	if (e != NULL)
		entry_free(e);
	free(b);
}

void stock_drop(struct body *b)
{
	unlist(b);
	if (b->kind == BODY_MAKING) {
		b->kind = BODY_GONE; /* large_done() comes back to it */
		return;
	}
	close(b->fd);
	if (b->kind == BODY_MEMORY) {
		free(b);
		return;
	}
	b->task = (struct task){ .run = run_remove, .done = body_free, .sync_dir = POOL_NO_DIR };
	pool_submit(&b->task, POOL_WORK);
}

void stock_take(struct body *b, struct message *m)
{
	assert(b->kind == BODY_MEMORY || b->kind == BODY_FILE);
	unlist(b);
	if (b->kind == BODY_MEMORY) {
		m->memfd = b->fd;
	} else {
		m->fd = b->fd;
		m->entry = entry_find(b->id);
		m->entry->m = m;
	}
	m->reserved = b->reserved;
	free(b);
}

/* --- the stock -------------------------------------------------------------------------------- */

static void send_bodies(struct client *c, unsigned n)
{
	struct queue_stock s = { .room = space_room() };
	struct put w = put_start();
	int fds[STOCK_PACKET];

	while (s.n < n && s.n < STOCK_PACKET) {
		struct body *b = stock_new(c);

		if (b == NULL)
			break;
		fds[s.n] = b->fd;
		s.ids[s.n++] = b->id;
	}
	put_stock(&w, &s);
	chan_send(c->chan, QUEUE_STOCK, &w, fds, s.n);
}

void stock_up(struct chan *chan)
{
	struct client *c = xcalloc(1, sizeof *c);

	c->chan = chan;
	chan->owner = c;
	TAILQ_INIT(&c->bodies);
	TAILQ_INSERT_TAIL(&clients, c, next);
	send_bodies(c, QUEUE_STOCK_BODIES);
}

void stock_down(struct chan *chan)
{
	struct client *c = chan->owner;
	struct body *b;

	while ((b = TAILQ_FIRST(&c->bodies)) != NULL) {
		if (b->m != NULL)
			message_free(b->m);
		b->m = NULL;
		stock_drop(b);
	}
	TAILQ_REMOVE(&clients, c, next);
	chan->owner = NULL;
	free(c);
}

int stock_on_stock(struct chan *chan, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint32_t n = get_u32(&g);

	if (get_end(&g) == -1 || n == 0 || n > STOCK_PACKET)
		return -1;
	send_bodies(chan->owner, n);
	return 0;
}

int stock_on_abort(struct chan *chan, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct body *b = stock_find(chan->owner, get_u64(&g));

	if (get_end(&g) == -1)
		return -1;
	if (b == NULL)
		return 0;
	if (b->m != NULL)
		message_free(b->m);
	b->m = NULL;
	stock_drop(b);
	return 0;
}

void stock_tick(void)
{
	uint64_t room = space_room();
	struct client *c;

	/* smtpd needs to know whether there is room, and how much only when it is little */
	if (room > settings.message_size_limit)
		room = UINT64_MAX;
	if (room == told_room)
		return;
	told_room = room;
	TAILQ_FOREACH (c, &clients, next)
		send_bodies(c, 0);
}

/* --- large bodies ----------------------------------------------------------------------------- */

static int run_make(struct task *t)
{
	struct body *b = (struct body *)t;
	int error;

	b->fd = spool_new_file(b->id, 0);
	if (b->fd == -1)
		return errno;
	crash_point("large.after_create");
	/* smtpd can only add to it: what queue has sealed stays as it is, whatever comes behind */
	if (spool_begin(b->fd, b->id) == 0) {
		if (b->allocated == 0 ||
		    fallocate(b->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)b->allocated) == 0 ||
		    errno == EOPNOTSUPP)
			b->append = spool_open_file(b->id, 0, O_WRONLY | O_APPEND);
	}
	if (b->append != -1)
		return 0;
	error = errno;
	close(b->fd);
	spool_remove(b->id, 0);
	return error;
}

static void answer_large(struct body *b, const struct status *st)
{
	struct put w = put_start();

	put_status(&w, st);
	chan_answer(b->client->chan, b->ref, QUEUE_LARGE, &w, &b->append, b->append != -1 ? 1 : 0);
}

static void large_done(struct task *t, int error)
{
	struct body *b = (struct body *)t;
	bool gone = b->kind == BODY_GONE;
	struct status st;

	if (error != 0)
		space_status(&st, error);
	else
		status_set(&st, 250, "2.0.0", "Ok");
	if (!gone)
		answer_large(b, &st);
	if (b->append != -1)
		close(b->append);
	b->append = -1;
	if (error != 0) {
		log_error(&(struct tag){ .queue = b->id }, EV("no-large-body"),
		    KZ("error", st.text), KI("errno", error));
		unlist(b);
		body_free(t, error);
		return;
	}
	b->kind = BODY_FILE;
	if (gone)
		stock_drop(b);
}

int stock_on_large(struct chan *chan, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct queue_large l;
	struct status st;
	struct body *b;
	struct put w = put_start();

	if (get_large(&g, &l) == -1)
		return -1;
	b = stock_find(chan->owner, l.id);
	if (b == NULL || b->kind != BODY_MEMORY || b->m != NULL)
		return -1;
	/* whatever was declared: as much as an smtpd can write into it that was taken over */
	if (space_check_open(settings.message_size_limit, &st) == -1) {
		put_status(&w, &st);
		chan_reply(chan, m, QUEUE_LARGE, &w, NULL, 0);
		return 0;
	}
	close(b->fd);
	b->fd = -1;
	b->kind = BODY_MAKING;
	b->ref = (struct chan_ref){ m->id, m->gen };
	b->allocated = l.expected <= settings.message_size_limit ? l.expected : 0;
	b->reserved = settings.message_size_limit;
	space_reserve(b->reserved);
	entry_new(b->id, b->allocated, ENTRY_INCOMING);
	b->task = (struct task){ .run = run_make, .done = large_done, .sync_dir = POOL_NO_DIR };
	pool_submit(&b->task, POOL_COMMIT);
	return 0;
}
