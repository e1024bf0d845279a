/*
 * How a message gets into the queue.
 *
 * QUEUE_STOCK (notice, queue -> smtpd): struct queue_stock: bodies to write into, each a queue id and
 *	an empty memfd (the packet's descriptors, in order), and how much room the spool has. The queue
 *	sends a few when the channel comes up and one with every answer to a COMMIT, so that a small
 *	message costs no packet of its own for it. A memfd into which
 *	nothing was written serves another transaction. Sent without bodies when only the room has
 *	changed.
 * QUEUE_STOCK (notice, smtpd -> queue): {u32 n}: n more bodies are wanted (1..STOCK_PACKET), because
 *	more transactions are under way at once than there are bodies.
 * QUEUE_LARGE (request, smtpd -> queue): struct queue_large: the body outgrew BODY_SMALL, or is known
 *	to. Answer: QUEUE_LARGE {status} and, when good, a spool file opened write-only for appending,
 *	for the same id; the memfd of that id is void. smtpd writes all of the body into it again.
 * QUEUE_ABORT (notice, smtpd -> queue): {u64 queue id} that body, large or not, is not wanted any more
 *	though it was written into (smtpd may neither truncate nor seek): the queue forgets the id.
 * QUEUE_COMMIT (request, smtpd -> queue): struct queue_commit. Answer: QUEUE_COMMIT, struct
 *	queue_answer + that memfd. 250 means synced; nothing else does. After any answer the id is
 *	used up.
 * QUEUE_REPORT (request, policy -> queue): struct queue_report: a report about TLS, a message of this host's
 *	own from tls_report_sender. Answer: QUEUE_REPORT {status}, 250 as with a COMMIT;
 *	550 5.7.1 when the domain wants no reports mailed there.
 */
#ifndef PROTO_QUEUE_H
#define PROTO_QUEUE_H

#include "base/arena.h"
#include "base/ipc.h"
#include "mail/edit.h"
#include "mail/envelope.h"
#include "mail/status.h"

enum {
	BODY_SMALL = 256 * 1024, /* bytes a memfd may hold */
	QUEUE_STOCK_BODIES = 8, /* per smtpd worker, at the start */
	STOCK_PACKET = IPC_FDS_MAX,
	STOCK_MAX = 1024, /* bodies a worker may have out at once */
	EDIT_NAME_MAX = 256,
	EDIT_VALUE_MAX = 16 * 1024,
};

struct queue_stock {
	uint64_t
	    room; /* bytes a new message may have now; 0 = 452 4.3.1 to every MAIL, else to SIZE above it */
	uint32_t n;
	uint64_t ids[STOCK_PACKET];
};
void put_stock(struct put *w, const struct queue_stock *s);
int get_stock(struct get *g, struct queue_stock *s);

struct queue_large {
	uint64_t trace;
	uint64_t id; /* of a stock body */
	uint64_t expected; /* bytes, from SIZE; 0 = unknown */
};
void put_large(struct put *w, const struct queue_large *l);
int get_large(struct get *g, struct queue_large *l);

struct queue_answer {
	struct status status; /* for the client as it stands; 4xx on every local fault */
	uint64_t fresh; /* id of the memfd that comes with it, or 0 */
};
void put_queue_answer(struct put *w, const struct queue_answer *a);
int get_queue_answer(struct get *g, struct queue_answer *a);

struct queue_commit {
	uint64_t id; /* which body: from the stock, or made large */
	uint64_t size; /* bytes written into it */
	struct envelope envelope;
	struct edit *edits;
	uint32_t nedits;
	uint32_t outgoing; /* recipients at other hosts: they count against the login's limits */
	uint32_t per_hour, per_day; /* its own limits; 0 = those of the settings */
	struct str charged; /* whose limits these are; empty = the login's */
};
/*
 * A commit that does not fit a packet (1,000 long recipients) goes out in several parts: put_commit()
 * writes one part beginning at recipient *from and moves *from; while that is below nrcpts there are
 * more to write. All parts but the last are notices (chan_send), the last is the request. The first
 * part holds everything but recipients, so edits that do not fit a packet make w bad.
 *
 * get_commit_part() adds to c, which is zeroed before the first part; strings are copied into a.
 * *more is false when c is complete. -1 when malformed, or when the part belongs to another id.
 */
void put_commit(struct put *w, const struct queue_commit *c, uint32_t *from);
int get_commit_part(struct get *g, struct arena *a, struct queue_commit *c, bool *more);

enum { QUEUE_REPORT_MAX = 63 * 1024 };
struct queue_report {
	uint64_t trace;
	struct str domain; /* whom it is about: it is sent to nobody whom the domain does not name */
	struct str to; /* one address, in canonical form */
	struct str text; /* the message, with CRLF, 7 bits */
};
void put_queue_report(struct put *w, const struct queue_report *r);
int get_queue_report(struct get *g, struct queue_report *r); /* borrows from the packet */

void put_edits(struct put *w, const struct edit *e, uint32_t n);
int get_edits(struct get *g, struct arena *a, struct edit **e, uint32_t *n);

#endif
