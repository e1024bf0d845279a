/*
 * A buffered connection on the event loop. See conn.h.
 *
 * Whatever has output, or input that was held back, stands in one list that is worked off just
 * before the loop sleeps: replies to pipelined commands leave in one write, and no event is ever
 * called out of another.
 */
#include "net/conn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls_internal.h"

enum {
	READ_MAX = 64 * 1024, /* bytes per system call */
	LINGER_MS = 2000,
	LINGER_BYTES = 1024 * 1024,
};

/* conn.secure: the 220 of STARTTLS is on its way in plain text; the handshake; done */
enum { PLAIN, PLAIN_OUTPUT, HANDSHAKE, SECURE };

static TAILQ_HEAD(, conn) pending = TAILQ_HEAD_INITIALIZER(pending);

static void ready(void *arg, unsigned what);
static void work_off(void);

static void queue(struct conn *c)
{
	static bool hooked;

	if (!hooked)
		loop_before_sleep(work_off);
	hooked = true;
	if (c->queued)
		return;
	c->queued = true;
	TAILQ_INSERT_TAIL(&pending, c, next);
}

/* What to wait for now. Input is also unwanted while the peer leaves our output lying. */
static void rearm(struct conn *c)
{
	unsigned what = 0;

	if (c->fd == -1)
		return;
	if (c->secure == HANDSHAKE && !c->closing)
		return; /* handshake() says what for */
	if (c->blocked || c->connecting)
		what |= WATCH_WRITE;
	else if (!c->eof && !c->paused && (c->in.n < c->in.max || (c->closing && c->linger)))
		what |= WATCH_READ;
	watch_set(&c->watch, c->fd, what, ready, c);
	/* what TLS has read already the socket will not announce */
	if (what == WATCH_READ && c->secure == SECURE && tls_pending(c->tls))
		watch_wake(&c->watch);
}

/* --- events ----------------------------------------------------------------------------------- */

/* Calls `end` once; after conn_finish() only the first reason counts as well. */
static void end(struct conn *c, enum conn_end why)
{
	if (c->ended)
		return;
	if (c->secure == HANDSHAKE)
		why = CONN_TLS;
	c->ended = true;
	watch_clear(&c->watch);
	timer_clear(&c->deadline);
	c->events->end(c, why);
}

/* False when c is gone afterwards. */
static bool input(struct conn *c)
{
	bool gone = false;

	c->gone = &gone;
	c->events->input(c);
	if (gone)
		return false;
	c->gone = NULL;
	if (c->in.n == 0)
		buf_clear(&c->in);
	return true;
}

static void expired(void *arg)
{
	struct conn *c = arg;

	if (c->closing || c->secure == HANDSHAKE)
		end(c, CONN_TIMEOUT);
	else if (!c->ended)
		c->events->end(c, CONN_TIMEOUT);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_discard(struct conn *c, char *scratch)
{
	size_t budget = LINGER_BYTES;

	for (;;) {
		ssize_t n = recv(c->fd, scratch, READ_MAX, 0);

		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || (size_t)n > budget) {
			end(c, CONN_EOF);
			return;
		}
		budget -= (size_t)n;
	}
}

/* As recv(); under TLS as many records as there are. */
static ssize_t take(struct conn *c, char *to, size_t room)
{
	size_t got = 0;
	ssize_t n;

	if (c->secure != SECURE)
		return recv(c->fd, to, room, 0);
	do {
		n = tls_read(c->tls, to + got, room - got);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 && got < room);
	/* an end that stands behind them is found again by the next call */
	return got > 0 ? (ssize_t)got : n;
}

/* Which end an error of a call is. */
static enum conn_end failure(const struct conn *c)
{
	return c->secure == SECURE && errno == EPROTO ? CONN_TLS : CONN_ERROR;
}

static void read_input(struct conn *c)
{
	static char scratch[READ_MAX];
	size_t room = c->in.max - c->in.n;
	ssize_t n;

	if (c->closing) {
		read_discard(c, scratch);
		return;
	}
	if (c->paused || room == 0) {
		rearm(c); /* only now that it matters: most pauses end before more arrives */
		return;
	}
	n = take(c, scratch, room < READ_MAX ? room : READ_MAX);
	if (n == -1 && errno == EAGAIN && c->secure == SECURE && tls_wants_write(c->tls))
		c->blocked = true; /* an answer of TLS itself; then reading goes on */
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		if (c->blocked)
			rearm(c);
		return;
	}
	if (n == 0 && c->queued) {
		c->behind = true;
		return;
	}
	if (n <= 0) {
		c->eof = n == 0;
		end(c, n == 0 ? CONN_EOF : failure(c));
		return;
	}
	buf_put_secret(&c->in, scratch, (size_t)n); /* passwords come this way */
	explicit_bzero(scratch, (size_t)n);
	if (input(c) && !c->ended && (c->in.n == c->in.max || c->secure == SECURE))
		rearm(c);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Everything is written and nothing more will be. */
static void finished(struct conn *c)
{
	if (c->secure == SECURE)
		tls_goodbye(c->tls);
	if (!c->linger || c->eof || shutdown(c->fd, SHUT_WR) == -1) {
		end(c, CONN_EOF);
		return;
	}
	c->paused = false;
	rearm(c);
	timer_set(&c->deadline, LINGER_MS, expired, c);
}

/* As far as the socket takes it. -1 with errno on failure. */
static int send_out(struct conn *c)
{
	while (c->out.n > 0) {
		ssize_t n = c->secure == SECURE ? tls_write(c->tls, c->out.p, c->out.n)
						: send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		buf_drop(&c->out, (size_t)n);
	}
	buf_clear(&c->out);
	return 0;
}

/* Calls `drained`, which may consume what had filled `in`. */
static void drained(struct conn *c)
{
	bool gone = false, full = c->in.n == c->in.max;

	c->gone = &gone;
	c->events->drained(c);
	if (gone)
		return;
	c->gone = NULL;
	if (full)
		rearm(c);
}

static void begin_handshake(struct conn *c);

static void write_output(struct conn *c)
{
	bool had = c->out.n > 0 || c->connecting;
	bool was_blocked = c->blocked;

	if (c->ended)
		return;
	if (c->secure == HANDSHAKE)
		buf_reset(&c->out); /* it is to end: nobody will be able to read that */
	if (send_out(c) == -1) {
		end(c, failure(c));
		return;
	}
	c->blocked = c->out.n > 0;
	c->connecting = false;
	if (c->blocked || was_blocked)
		rearm(c);
	if (c->blocked)
		return;
	if (c->closing)
		finished(c);
	else if (c->secure == PLAIN_OUTPUT)
		begin_handshake(c);
	else if (had && c->events->drained != NULL)
		drained(c);
}

/* --- TLS -------------------------------------------------------------------------------------- */

/* One step, as far as it goes. */
static void handshake(struct conn *c)
{
	switch (tls_handshake(c->tls)) {
	case TLS_WANTS_READ:
		watch_set(&c->watch, c->fd, WATCH_READ, ready, c);
		return;
	case TLS_WANTS_WRITE:
		watch_set(&c->watch, c->fd, WATCH_WRITE, ready, c);
		return;
	case TLS_RESTS:
		watch_clear(&c->watch);
		return;
	case TLS_FAILED:
		/* a reset would overtake the alert */
		c->closing = c->linger = true;
		finished(c);
		return;
	case TLS_SECURE:
		break;
	}
	c->secure = SECURE;
	timer_clear(&c->deadline);
	if (c->out.n > 0 || c->closing)
		queue(c);
	rearm(c);
	c->events->secured(c);
}

static void begin_handshake(struct conn *c)
{
	c->secure = HANDSHAKE;
	timer_set(&c->deadline, CONN_HANDSHAKE_MS, expired, c);
	watch_set(&c->watch, c->fd, WATCH_READ, ready, c);
	if (tls_begins(c->tls))
		queue(c);
}

/* The signature is there. */
static void wake(void *arg)
{
	queue(arg);
}

static void connected(struct conn *c)
{
	int error = 0;
	socklen_t n = sizeof error;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) == -1)
		error = errno;
	if (error != 0) {
		errno = error;
		end(c, CONN_ERROR);
		return;
	}
	c->blocked = true; /* as if: the watch has to change from writing to reading */
	write_output(c);
}

static void ready(void *arg, unsigned what)
{
	struct conn *c = arg;

	if (c->connecting)
		connected(c);
	else if (c->secure == HANDSHAKE && !c->closing)
		handshake(c);
	else if ((what & WATCH_WRITE) != 0)
		write_output(c);
	else
		read_input(c);
}

static void work_off(void)
{
	struct conn *c;

	while ((c = TAILQ_FIRST(&pending)) != NULL) {
		bool kick = c->kick && !c->paused && !c->closing, behind = c->behind;

		TAILQ_REMOVE(&pending, c, next);
		c->queued = c->kick = c->behind = false;
		if (c->secure == HANDSHAKE && !c->closing) {
			handshake(c);
			continue;
		}
		if (kick && !input(c))
			continue;
		if (c->fd == -1 || c->ended || c->connecting)
			continue;
		if (kick || behind)
			rearm(c);
		if (!c->blocked && ((c->out.n > 0 && !c->corked) || c->closing))
			write_output(c);
	}
}

/* --- what owners call ------------------------------------------------------------------------- */

static void start(struct conn *c, int fd, size_t in_max, size_t out_max,
    const struct conn_events *ev, void *owner)
{
	*c = (struct conn){ .fd = fd, .events = ev, .owner = owner };
	buf_init(&c->in, in_max);
	buf_init(&c->out, out_max);
}

void conn_init(struct conn *c, int *fd, size_t in_max, size_t out_max, const struct conn_events *ev,
    void *owner)
{
	int flags = fcntl(*fd, F_GETFL);

	if (flags != -1 && (flags & O_NONBLOCK) == 0)
		fcntl(*fd, F_SETFL, flags | O_NONBLOCK);
	start(c, *fd, in_max, out_max, ev, owner);
	*fd = -1;
	rearm(c);
}

int conn_connect(struct conn *c, const struct sockaddr *to, unsigned tolen,
    const struct sockaddr *from, unsigned fromlen, size_t in_max, size_t out_max,
    const struct conn_events *ev, void *owner)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	/* the port is chosen when it is known where to, so that one serves many hosts */
	if (from != NULL)
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
	if ((from != NULL && bind(fd, from, fromlen) == -1) ||
	    (connect(fd, to, tolen) == -1 && errno != EINPROGRESS)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	start(c, fd, in_max, out_max, ev, owner);
	c->connecting = true;
	rearm(c);
	return 0;
}

int conn_write(struct conn *c, struct str s)
{
	if (c->fd == -1 || c->closing || buf_str(&c->out, s) == -1)
		return -1;
	queue(c);
	return 0;
}

int conn_printf(struct conn *c, const char *fmt, ...)
{
	va_list ap;
	int r;

	if (c->fd == -1 || c->closing)
		return -1;
	va_start(ap, fmt);
	r = buf_vprintf(&c->out, fmt, ap);
	va_end(ap);
	if (r == 0)
		queue(c);
	return r;
}

void conn_deadline(struct conn *c, uint64_t ms)
{
	if (c->fd == -1)
		return;
	if (ms == 0)
		timer_clear(&c->deadline);
	else
		timer_set(&c->deadline, ms, expired, c);
}

void conn_pause(struct conn *c)
{
	c->paused = true;
}

void conn_resume(struct conn *c)
{
	if (!c->paused || c->fd == -1 || c->closing)
		return;
	c->paused = false;
	rearm(c);
	if (c->in.n > 0) {
		c->kick = true;
		queue(c);
	}
}

void conn_cork(struct conn *c)
{
	c->corked = true;
}

void conn_uncork(struct conn *c)
{
	c->corked = false;
	if (c->fd != -1 && c->out.n > 0)
		queue(c);
}

void conn_finish(struct conn *c)
{
	if (c->fd == -1 || c->closing)
		return;
	c->closing = true;
	queue(c);
}

void conn_linger(struct conn *c)
{
	c->linger = true;
	conn_finish(c);
}

/* Takes c out of everything that knows it. */
static int leave(struct conn *c)
{
	int fd = c->fd;

	if (c->queued)
		TAILQ_REMOVE(&pending, c, next);
	c->queued = c->kick = c->behind = false;
	watch_clear(&c->watch);
	timer_clear(&c->deadline);
	tls_free(c->tls);
	c->tls = NULL;
	if (c->gone != NULL)
		*c->gone = true;
	c->gone = NULL;
	c->fd = -1;
	return fd;
}

void conn_close(struct conn *c)
{
	int fd;

	if (c->fd == -1)
		return;
	fd = leave(c);
	buf_clear_secret(&c->in);
	buf_clear(&c->out);
	close(fd);
}

/* What is to leave in plain text leaves first. */
static void secure_with(struct conn *c, struct tls *t)
{
	c->tls = t;
	c->secure = PLAIN_OUTPUT;
	if (c->out.n == 0)
		begin_handshake(c);
	else
		queue(c);
}

int conn_tls_accept(struct conn *c, struct tls_context *context, bool first)
{
	if (c->tls != NULL || (c->in.n > 0 && !first)) {
		errno = c->tls != NULL ? EALREADY : EPROTO;
		return -1;
	}
	secure_with(c, tls_accept(context, c->fd, &c->in, first, wake, c));
	return 0;
}

int conn_tls_connect(struct conn *c, struct tls_client *client, const struct tls_server *to)
{
	if (c->tls != NULL || c->in.n > 0) {
		errno = c->tls != NULL ? EALREADY : EPROTO;
		return -1;
	}
	secure_with(c, tls_connect(client, to, c->fd, wake, c));
	return 0;
}

const struct tls_facts *conn_tls(const struct conn *c)
{
	return c->secure == SECURE ? tls_facts(c->tls) : NULL;
}

int conn_tls_exporter(const struct conn *c, uint8_t out[32])
{
	return c->secure == SECURE ? tls_exporter(c->tls, out) : -1;
}

const char *conn_tls_why(const struct conn *c)
{
	if (c->tls == NULL)
		return "";
	return c->secure == HANDSHAKE && tls_why(c->tls)[0] == '\0' ? "the handshake took too long"
								    : tls_why(c->tls);
}

int conn_detach(struct conn *c)
{
	int fd;

	assert(c->fd != -1 && c->tls == NULL);
	send_out(c);
	fd = leave(c);
	buf_clear(&c->out);
	return fd;
}

int conn_line(const struct conn *c, size_t max, struct str *line, size_t *size)
{
	struct str in = buf_view(&c->in);
	ssize_t lf = str_find(str_take(in, max), '\n');

	if (lf == -1)
		return in.n >= max ? -1 : 0;
	*size = (size_t)lf + 1;
	*line = str_take(in, (size_t)lf);
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return 1;
}
