/* The client's connection. See io.h. */
#include "io.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- output ---------------------------------------------------------------------------------- */

static bool lost(struct session *s, enum session_end why)
{
	if (s->end == END_NONE)
		s->end = why;
	buf_reset(&s->out);
	return false;
}

static bool control_says_stop(struct session *s)
{
	return s->stop != NULL && s->stop();
}

/* Waits until the client takes output. */
static bool wait_writable(struct session *s)
{
	struct pollfd p[2] = { { .fd = s->client, .events = POLLOUT },
		{ .fd = s->control, .events = POLLIN } };
	int r = poll(p, 2, WAIT_CLIENT_MS);

	if (r == 0)
		return lost(s, END_TIMEOUT);
	if (r == -1 && errno != EINTR)
		return lost(s, END_CLOSED);
	if (r > 0 && p[1].revents != 0 && control_says_stop(s))
		return lost(s, END_STOP);
	return true;
}

bool io_flush(struct session *s)
{
	size_t at = 0;

	while (at < s->out.n) {
		ssize_t n = write(s->client, s->out.p + at, s->out.n - at);

		if (n > 0) {
			at += (size_t)n;
			s->bytes_out += (uint64_t)n;
		} else if (n == -1 && errno == EAGAIN) {
			if (!wait_writable(s))
				return false;
		} else if (n == -1 && errno != EINTR) {
			return lost(s, END_CLOSED);
		}
	}
	if (s->out.full) /* something was left out: the client must not believe the rest */
		return lost(s, END_REFUSED);
	buf_reset(&s->out);
	if (s->out.cap > (size_t)4 * FLUSH_AT)
		buf_clear(&s->out);
	return s->end == END_NONE || s->end == END_LOGOUT;
}

bool io_commit(struct session *s)
{
	return s->out.n < FLUSH_AT ? s->end == END_NONE : io_flush(s);
}

/* --- waiting --------------------------------------------------------------------------------- */

/* Reads once. 1, 0 when nothing is there, -1 at the end. */
static int fill(struct session *s)
{
	char *to;
	ssize_t n;

	if (s->in.n == s->in.max)
		return 1;
	to = buf_room(&s->in, s->in.max - s->in.n);
	n = read(s->client, to, s->in.max - s->in.n);
	if (n > 0) {
		s->in.n += (size_t)n;
		s->bytes_in += (uint64_t)n;
		return 1;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	lost(s, END_CLOSED);
	return -1;
}

int64_t io_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What poll() found; IO_TIME means: go on waiting. */
static enum io_wait look(struct session *s, const struct pollfd p[3], bool changes)
{
	if (p[1].revents != 0 && control_says_stop(s)) {
		lost(s, END_STOP);
		return IO_END;
	}
	if (p[2].revents != 0)
		sync_heard(s);
	if (p[0].revents != 0) {
		int r = fill(s);

		if (r != 0)
			return r == 1 ? IO_INPUT : IO_END;
	}
	return changes && s->changed ? IO_CHANGED : IO_TIME;
}

enum io_wait io_wait(struct session *s, bool changes, int ms)
{
	int64_t end = io_now() + ms, left;
	enum io_wait found;

	if (!io_flush(s))
		return IO_END;
	store_rest(s->store);
	log_flush();
	while ((left = end - io_now()) > 0) {
		struct pollfd p[3] = { { .fd = s->client, .events = POLLIN },
			{ .fd = s->control, .events = POLLIN },
			{ .fd = changes ? s->notify : -1, .events = POLLIN } };
		int r = poll(p, 3, (int)left);

		if (r == -1 && errno != EINTR) {
			lost(s, END_CLOSED);
			return IO_END;
		}
		if (r > 0 && (found = look(s, p, changes)) != IO_TIME)
			return found;
	}
	return IO_TIME;
}

/* Within a command: waits for more input. */
static bool more(struct session *s)
{
	enum io_wait w = io_wait(s, false, WAIT_CLIENT_MS);

	if (w == IO_TIME)
		lost(s, END_TIMEOUT);
	return w == IO_INPUT;
}

/* --- lines and literals ---------------------------------------------------------------------- */

/* Throws the rest of a line away. */
static bool skip_line(struct session *s)
{
	size_t skipped = 0;

	for (;;) {
		ssize_t nl = str_find(buf_view(&s->in), '\n');

		if (nl != -1) {
			buf_drop(&s->in, (size_t)nl + 1);
			return true;
		}
		skipped += s->in.n;
		buf_reset(&s->in);
		if (skipped > LIMIT_SKIP)
			return lost(s, END_REFUSED);
		if (!more(s))
			return false;
	}
}

int io_line(struct session *s)
{
	size_t seen = 0;

	s->line = s->cmd.n;
	for (;;) {
		const char *nl =
		    s->in.n == seen ? NULL : memchr(s->in.p + seen, '\n', s->in.n - seen);

		if (nl != NULL) {
			size_t n = (size_t)(nl - s->in.p);
			struct str line = { s->in.p, n - (n > 0 && nl[-1] == '\r') };
			int r = buf_str(&s->cmd, line) == -1 ? 0 : 1;

			buf_drop(&s->in, n + 1);
			return r;
		}
		seen = s->in.n;
		if (seen == s->in.max) {
			buf_str(&s->cmd, str_take(buf_view(&s->in), LIMIT_TAG + 1));
			return skip_line(s) ? 0 : -1;
		}
		if (!more(s))
			return -1;
	}
}

void io_go_ahead(struct session *s, bool sync)
{
	if (sync)
		buf_z(&s->out, "+ OK\r\n");
}

struct str io_bytes(struct session *s, uint64_t n)
{
	struct str got;

	if (s->in.n == 0 && !more(s))
		return STR_NONE;
	got = str_take(buf_view(&s->in), n > SIZE_MAX ? SIZE_MAX : (size_t)n);
	return got;
}

bool io_literal(struct parse *p, uint64_t n, bool sync)
{
	struct session *s = p->arg;
	const char *from = s->cmd.p + s->cmd.n;

	if (n > s->cmd.max - s->cmd.n)
		return parse_fail(p, "[TOOBIG] literal is too long");
	io_go_ahead(s, sync);
	for (uint64_t left = n; left > 0;) {
		struct str got = io_bytes(s, left);

		if (got.n == 0)
			return parse_fail(p, "connection lost");
		buf_str(&s->cmd, got);
		buf_drop(&s->in, got.n);
		left -= got.n;
	}
	if (io_line(s) != 1)
		return parse_fail(p, "[TOOBIG] command is too long");
	p->p = from;
	p->end = s->cmd.p + s->cmd.n;
	return true;
}

/* The size of the non-synchronising literal that a line ends with; false if it has none. */
static bool ends_with_literal(struct str line, uint64_t *n)
{
	ssize_t brace;

	if (!str_ends(line, STR("+}")))
		return false;
	line.n -= 2;
	brace = str_rfind(line, '{');
	if (brace == -1)
		return false;
	line = str_skip(line, (size_t)brace + 1);
	for (size_t i = 0; i < line.n; i++) {
		if (!ascii_digit(line.p[i]))
			return false;
	}
	if (str_u64(line, UINT64_MAX, n) == -1)
		*n = UINT64_MAX;
	return line.n > 0;
}

void io_skip_command(struct session *s)
{
	uint64_t n;

	while (s->end == END_NONE && ends_with_literal(str_skip(buf_view(&s->cmd), s->line), &n)) {
		if (n > LIMIT_SKIP) {
			s->end = END_REFUSED;
			return;
		}
		while (n > 0) {
			struct str got = io_bytes(s, n);

			if (got.n == 0)
				return;
			n -= got.n;
			buf_drop(&s->in, got.n);
		}
		buf_reset(&s->cmd);
		if (io_line(s) == -1)
			return;
	}
}
