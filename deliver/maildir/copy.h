/*
 * The content of a delivered file: the lines that final delivery puts on top, then the stored
 * message with its edits applied and line ends as on disk. A small message is one read and one
 * write.
 */
#ifndef MAILDIR_COPY_H
#define MAILDIR_COPY_H

#include <stddef.h>

#include "crlf.h"
#include "proto/deliver.h"

enum { COPY_BLOCK = 256 * 1024 };

/* Reused by one thread for one copy at a time. */
struct copy {
	char *in, *out; /* COPY_BLOCK bytes each */
	size_t n; /* of out in use */
	int fd;
	struct crlf crlf; /* counts both sizes */
};

void copy_init(struct copy *c);
void copy_clear(struct copy *c);

/*
 * Writes it all to fd; the sizes are then in c->crlf. -1 with errno; EBADMSG: the body ends before
 * body_size.
 */
int copy_message(
    struct copy *c, const struct deliver_job *j, const struct deliver_rcpt *r, int body_fd, int fd);

#endif
