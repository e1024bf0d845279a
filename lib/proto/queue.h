/*
 * How a message gets into the queue.
 *
 * QUEUE_STOCK (notice, queue -> smtpd): bodies to write into, each a queue id and an empty memfd.
 *	The queue sends a few when the channel comes up and one with every answer to a COMMIT, so
 *	that a small message costs no packet of its own for it. smtpd empties and reuses a memfd
 *	whose transaction ended without a COMMIT.
 * QUEUE_LARGE (request, smtpd -> queue): {u64 trace, u64 queue id of a stock body, u64 expected
 *	size or 0}: the body outgrew BODY_SMALL. Answer: QUEUE_LARGE {status} and a spool file
 *	opened for appending, for the same id; the memfd of that id is void.
 * QUEUE_ABORT (notice, smtpd -> queue): {u64 queue id} a large body is not wanted any more.
 * QUEUE_COMMIT (request, smtpd -> queue): struct queue_commit. Answer: QUEUE_COMMIT {status, u64 queue
 *	id of a fresh memfd or 0} + that memfd. 250 means synced; nothing else does.
 */
#ifndef PROTO_QUEUE_H
#define PROTO_QUEUE_H

#include "base/arena.h"
#include "base/ipc.h"
#include "mail/envelope.h"
#include "mail/status.h"

enum {
	BODY_SMALL = 256 * 1024, /* bytes a memfd may hold */
	QUEUE_STOCK_BODIES = 8,  /* per smtpd worker, at the start */
	EDITS_MAX = 256,
};

/* A change to the header while the message is copied out (RFC milter actions; trace headers). */
enum edit_kind { EDIT_INSERT, EDIT_CHANGE, EDIT_DELETE };
struct edit {
	uint8_t kind;
	uint32_t index;   /* INSERT: before the index-th field (0 = top); else the index-th of that name from 1 */
	struct str name;  /* without colon */
	struct str value; /* as it stands behind the colon, folded with CRLF; not for DELETE */
};

struct queue_commit {
	uint64_t id;    /* which body: from the stock, or made large */
	uint64_t size;  /* bytes written into it */
	struct envelope envelope;
	struct edit *edits;
	uint32_t nedits;
};
/*
 * A commit that does not fit a packet (1,000 long recipients) goes out as several QUEUE_COMMIT
 * packets of one id: put_commit() writes one part beginning at recipient *from and moves *from;
 * `more` is set in all but the last. get_commit_part() adds to c.
 */
void put_commit(struct put *w, const struct queue_commit *c, uint32_t *from);
int get_commit_part(struct get *g, struct arena *a, struct queue_commit *c, bool *more);

void put_edits(struct put *w, const struct edit *e, uint32_t n);
int get_edits(struct get *g, struct arena *a, struct edit **e, uint32_t *n);

#endif
