/*
 * A channel to another process, on the event loop: dispatch by table, bounded output, requests
 * with deadlines. A message that does not fit its row closes that channel, never the process.
 */
#ifndef BASE_CHAN_H
#define BASE_CHAN_H

#include <stdint.h>
#include <sys/queue.h>

#include "base/ipc.h"
#include "base/loop.h"

struct chan;

/*
 * One kind of message that may arrive unasked. The handler decodes m->body, takes the descriptors
 * it wants, and answers with chan_reply() now or later; -1 means the message was malformed and
 * closes the channel.
 */
struct chan_row {
	uint16_t type;
	uint8_t max_fds;
	int (*fn)(struct chan *c, struct ipc_msg *m);
};

struct chan {
	int fd; /* -1 when closed */
	uint8_t role;
	uint16_t instance; /* who is at the other end (proto/role.h) */
	const struct chan_row *rows; /* ends with a zero type */
	void (*down)(
	    struct chan *c); /* the peer has gone and c is closed; may be NULL, may free c */
	void *owner; /* for the program's own state of that peer */
	struct watch watch;
	TAILQ_HEAD(, chan_out) out;
	size_t out_bytes;
	TAILQ_HEAD(, ask) asks; /* outstanding requests */
	bool leaving; /* closed as soon as no request is outstanding */
	bool *gone; /* chan.c: told when c is closed inside one of its handlers */
};

/* Starts serving *fd (which becomes the channel's; -1 is left behind). */
void chan_init(struct chan *c, int *fd, const struct chan_row *rows, void (*down)(struct chan *));
/* Closes it and lets every outstanding request end without an answer; down is not called. */
void chan_close(struct chan *c);
/*
 * There is another one to ask: no more requests will be made here. Closes it from the loop, and
 * calls down, once those that are outstanding have ended.
 */
void chan_leave(struct chan *c);

/*
 * Sends a notice. fds stay the caller's. 0, or -1 with errno when the channel is down, w->bad, or
 * more than CHAN_OUT_MAX bytes already wait for the peer; packets and descriptors count, too.
 */
int chan_send(struct chan *c, uint16_t type, const struct put *w, const int *fds, unsigned nfds);
enum { CHAN_OUT_MAX = 4 * 1024 * 1024 };

/* Answers the request m; the caller may keep {m->id, m->gen} in a struct chan_ref for later. */
int chan_reply(struct chan *c, const struct ipc_msg *m, uint16_t type, const struct put *w,
    const int *fds, unsigned nfds);
struct chan_ref {
	uint32_t id, gen;
};
int chan_answer(struct chan *c, struct chan_ref ref, uint16_t type, const struct put *w,
    const int *fds, unsigned nfds);
/* One part of an answer that does not fit into a packet; the last part goes by chan_answer(). */
int chan_answer_part(struct chan *c, struct chan_ref ref, uint16_t type, const struct put *w);

/* A request; embedded in its owner and zero-initialised before first use. */
struct ask {
	struct chan *chan; /* NULL when idle */
	uint32_t id, gen;
	struct timer deadline;
	void (*done)(struct ask *a, struct ipc_msg *m);
	void *arg;
	bool parts; /* set before asking: the answer may come in parts */
	TAILQ_ENTRY(ask) next;
};

/*
 * Asks c (which may be NULL or down) and calls a->done exactly once, from the loop and never from
 * here: with the answer, or with NULL when there will be none (peer gone, deadline, not sent).
 * Where a->parts is set, an answer in parts (IPC_MORE in m->flags) calls it for each part.
 */
void chan_ask(struct chan *c, struct ask *a, uint16_t type, const struct put *w, const int *fds,
    unsigned nfds, uint64_t ms, void (*done)(struct ask *, struct ipc_msg *), void *arg);
/* Forgets the request; done will not be called. Safe when idle. */
void ask_cancel(struct ask *a);

/* Packets sent and received by this process on channels other than log and master, since start. */
uint64_t chan_packets(void);

#endif
