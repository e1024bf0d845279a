/*
 * Bodies to write into, handed out to smtpd: memfds, and spool files for what is larger. The queue
 * keeps its own descriptor of each, so what comes back with a commit is only an id.
 */
#ifndef QUEUE_STOCK_H
#define QUEUE_STOCK_H

#include "message.h"

enum body_kind { BODY_MEMORY, BODY_MAKING, BODY_FILE, BODY_GONE };

/* A body that is out at an smtpd. */
struct body {
	struct task task; /* making or removing its file */
	uint64_t id;
	uint64_t reserved; /* of the spool's space */
	uint64_t allocated; /* of its file, from the beginning: what the client has declared */
	uint8_t kind;
	int fd; /* memfd, or the spool file opened read-write */
	int append; /* the spool file opened for smtpd, on its way to it */
	struct message *m; /* once a part of its commit has come; the body's until taken */
	struct client *client; /* NULL: smtpd has gone */
	struct chan_ref ref; /* of the QUEUE_LARGE that is being served */
	TAILQ_ENTRY(body) next;
};

/* The other end of a channel to smtpd. */
struct client {
	struct chan *chan;
	unsigned nbodies;
	TAILQ_HEAD(, body) bodies; /* newest first */
	TAILQ_ENTRY(client) next;
};

/* A channel to an smtpd is there: makes its client and hands out the first bodies. */
void stock_up(struct chan *c);
/* It has gone: whatever was not committed is dropped. */
void stock_down(struct chan *c);

struct body *stock_find(struct client *c, uint64_t id);
/*
 * A memory file for a body, yours; -1 with errno. It has BODY_SMALL bytes from the beginning and keeps
 * them: memory has no other limit for an smtpd that was taken over.
 */
int stock_memory(void);
/* One more body for an answer, or NULL when there is no memory for it. */
struct body *stock_new(struct client *c);
/* Forgets a body, removing what it left. Its message (if any) is the caller's. */
void stock_drop(struct body *b);
/* Moves what was written into m: memfd or file, id, reservation; the body is gone. */
void stock_take(struct body *b, struct message *m);

int stock_on_stock(struct chan *c, struct ipc_msg *m);
int stock_on_large(struct chan *c, struct ipc_msg *m);
int stock_on_abort(struct chan *c, struct ipc_msg *m);

/* Every second, and when the volume works again: tells smtpd when the room in the spool has changed. */
void stock_tick(void);

#endif
