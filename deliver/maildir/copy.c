/* The content of a delivered file. See copy.h. */
#include "copy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "mail/edit.h"

void copy_init(struct copy *c)
{
	*c = (struct copy){ .in = xmalloc(COPY_BLOCK), .out = xmalloc(COPY_BLOCK), .fd = -1 };
}

void copy_clear(struct copy *c)
{
	free(c->in);
	free(c->out);
	*c = (struct copy){ .fd = -1 };
}

static int flush(struct copy *c)
{
	size_t done = 0;

	while (done < c->n) {
		ssize_t n = write(c->fd, c->out + done, c->n - done);

		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	c->n = 0;
	return 0;
}

/* Takes bytes as on the wire. */
static int feed(void *arg, struct str s)
{
	struct copy *c = arg;

	while (s.n > 0) {
		/* one byte more than goes in may come out */
		size_t n = COPY_BLOCK - 1 - c->n;

		if (n == 0) {
			if (flush(c) == -1)
				return -1;
			continue;
		}
		n = s.n < n ? s.n : n;
		c->n += crlf_feed(&c->crlf, str_take(s, n), c->out + c->n);
		s = str_skip(s, n);
	}
	return 0;
}

static int feed_body(struct copy *c, const struct deliver_job *j, int body_fd)
{
	struct edit_copy edit;
	uint64_t done = 0;

	if (j->nedits > 0)
		edit_start(&edit, j->edits, j->nedits, feed, c);
	while (done < j->body_size) {
		size_t want =
		    j->body_size - done < COPY_BLOCK ? (size_t)(j->body_size - done) : COPY_BLOCK;
		ssize_t n = pread(body_fd, c->in, want, (off_t)(j->body_offset + done));
		struct str s;

		if (n == 0)
			errno = EBADMSG;
		if (n == 0 || (n == -1 && errno != EINTR))
			return -1;
		if (n == -1)
			continue;
		s = str_bytes(c->in, (size_t)n);
		if ((j->nedits > 0 ? edit_feed(&edit, s) : feed(c, s)) == -1)
			return -1;
		done += (size_t)n;
	}
	return j->nedits > 0 ? edit_finish(&edit) : 0;
}

int copy_message(
    struct copy *c, const struct deliver_job *j, const struct deliver_rcpt *r, int body_fd, int fd)
{
	char top[2 * ADDRESS_MAX + 64];
	int n;

	c->fd = fd;
	c->n = 0;
	c->crlf = (struct crlf){ 0 };
	/* RFC 5321 4.4: final delivery keeps the reverse path; Delivered-To tells forwarding loops
	 */
	n = snprintf(top, sizeof top, "Return-Path: <%.*s>\r\nDelivered-To: %.*s\r\n",
	    STR_ARG(j->sender), STR_ARG(r->addr));
	if (n < 0 || (size_t)n >= sizeof top) {
		errno = EMSGSIZE;
		return -1;
	}
	if (feed(c, str_bytes(top, (size_t)n)) == -1 || feed_body(c, j, body_fd) == -1)
		return -1;
	c->n += crlf_end(&c->crlf, c->out + c->n);
	return flush(c);
}
