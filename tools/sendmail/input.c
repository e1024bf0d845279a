/* The message from standard input. See input.h. */
#include "input.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

/* Finds the line with a single dot: where it begins, or -1. state: bytes of the line seen so far.
 */
struct dot {
	enum { AT_START, AFTER_DOT, AFTER_DOT_CR, IN_LINE } state;
	size_t begin; /* of the line */
};

static bool dot_step(struct dot *d, char c, size_t at)
{
	switch (d->state) {
	case AT_START:
		d->begin = at;
		d->state = c == '.' ? AFTER_DOT : c == '\n' ? AT_START : IN_LINE;
		return false;
	case AFTER_DOT:
		if (c == '\n')
			return true;
		d->state = c == '\r' ? AFTER_DOT_CR : IN_LINE;
		return false;
	case AFTER_DOT_CR:
		if (c == '\n')
			return true;
		d->state = IN_LINE;
		return false;
	case IN_LINE:
		if (c == '\n')
			d->state = AT_START;
		return false;
	}
	return false;
}

/* Where the text ends within p[0..n), which begins at `at` of the input; n = it goes on. */
static size_t find_dot(struct dot *d, const char *p, size_t n, size_t at, size_t *end)
{
	for (size_t i = 0; i < n; i++)
		if (dot_step(d, p[i], at + i)) {
			*end = d->begin;
			return i;
		}
	return n;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* Copies fd to the memory file; *size = bytes of the message. */
static int copy(const struct request *r, int fd, int mem, size_t *size)
{
	static char piece[PIECE];
	struct dot dot = { .state = AT_START };
	size_t at = 0;

	for (;;) {
		ssize_t n = read(fd, piece, sizeof piece);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return complain(EX_IOERR, "reading the message: %s", strerror(errno));
		if (at + (size_t)n > INPUT_MAX)
			return complain(
			    EX_DATAERR, "the message is larger than %d bytes", INPUT_MAX);
		if (write_all(mem, piece, (size_t)n) == -1)
			return complain(EX_TEMPFAIL, "keeping the message: %s", strerror(errno));
		*size = at + (size_t)n;
		if (n == 0)
			break;
		if (!r->dots && find_dot(&dot, piece, (size_t)n, at, size) < (size_t)n)
			return EX_OK;
		at += (size_t)n;
	}
	/* a last line that is a dot without a line end */
	if (!r->dots && (dot.state == AFTER_DOT || dot.state == AFTER_DOT_CR))
		*size = dot.begin;
	return EX_OK;
}

int input_read(const struct request *r, int fd, struct str *text)
{
	int mem = memfd_create("message", MFD_CLOEXEC), status;
	size_t size = 0;
	struct str line, rest;
	void *p;

	*text = STR_NONE;
	if (mem == -1)
		return complain(EX_OSERR, "memory file: %s", strerror(errno));
	status = copy(r, fd, mem, &size);
	if (status != EX_OK || size == 0) {
		close(mem);
		return status;
	}
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, mem, 0);
	close(mem);
	if (p == MAP_FAILED)
		return complain(EX_OSERR, "memory: %s", strerror(errno));
	*text = rest = str_bytes(p, size);
	if (str_cut(&rest, '\n', &line) && str_starts(line, STR("From ")))
		*text = rest.p != NULL ? rest : STR_NONE;
	return EX_OK;
}
