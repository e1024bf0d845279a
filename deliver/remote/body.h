/*
 * The message on its way out: read from the queue's descriptor, edited, made fit for 7 bits where
 * the server knows no more, every line end made CRLF, lines that are too long folded, and dots
 * stuffed where DATA needs it.
 */
#ifndef REMOTE_BODY_H
#define REMOTE_BODY_H

#include "base/buf.h"
#include "mail/dots.h"
#include "mail/downgrade.h"
#include "mail/edit.h"
#include "proto/deliver.h"

enum body_form { BODY_DATA, BODY_BDAT };

struct body {
	const struct deliver_job *job;
	int fd; /* borrowed */
	enum body_form form;
	uint64_t done; /* bytes of the stored body that were read */
	struct edit_copy edit;
	struct downgrade *down; /* borrowed; NULL: content goes out as it is */
	struct dots_out dots;
	struct dots_in lines; /* for BDAT: only mends line ends */
	struct buf *out;
	size_t column; /* bytes of the line at hand that have gone out */
	unsigned folds; /* lines that were too long, each time one was broken */
	bool ended;
};

/* down: from body_downgrade(), or NULL. */
void body_start(struct body *b, const struct deliver_job *job, int fd, enum body_form form,
    struct downgrade *down);
/*
 * Appends the next block to out: at most about twice BLOCK, or four times with stuffing. With
 * BODY_DATA the last one ends with the final dot. 1 = more to come, 0 = that was all, -1 with errno
 * (EBADMSG: too short).
 */
int body_next(struct body *b, struct buf *out);

/* The size to announce (RFC 1870 section 6: an estimate): stored bytes and what edits add. */
uint64_t body_size(const struct deliver_job *job);

/* Bytes above 127, in the header and anywhere. limit = how far to look. */
struct body_look {
	bool header, any;
};
int body_look(const struct deliver_job *job, int fd, uint64_t limit, struct body_look *look);

/*
 * For a server that takes 7 bits only: how the message becomes such a one. Yours to
 * body_downgrade_free(). NULL with errno; EILSEQ: it cannot be done.
 */
struct downgrade *body_downgrade(const struct deliver_job *job, int fd);
void body_downgrade_free(struct downgrade *d); /* NULL is fine */

#endif
