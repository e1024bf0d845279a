/*
 * Bodies to write messages into: memfds that the queue keeps in stock here, and spool files for what
 * outgrows them. A body belongs to whoever took it, until it is given back or committed.
 */
#ifndef SMTPD_BODIES_H
#define SMTPD_BODIES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/chan.h"
#include "base/str.h"

struct body {
	TAILQ_ENTRY(body) next;
	uint64_t id; /* the queue id of the message to be */
	uint64_t size; /* bytes written */
	int fd;
	bool dirty; /* a write was begun */
	bool large; /* a spool file */
	bool lost; /* the queue that made it is gone */
};

/* Somebody who waits for a body; embedded, zero-initialised. */
struct body_wait {
	TAILQ_ENTRY(body_wait) next;
	void (*fn)(struct body_wait *w, struct body *b);
	bool waiting;
};

/* One out of the stock, or NULL. */
struct body *body_take(void);
/* Asks the queue for more and calls fn later, with a body or, when the queue has gone, NULL. */
void body_wait(struct body_wait *w, void (*fn)(struct body_wait *w, struct body *b));
void body_wait_cancel(struct body_wait *w);

/* Appends. 0, or -1 with errno. */
int body_write(struct body *b, struct str s);
/* The memfd's content goes into *file (taken), which takes its place. 0, or -1 with errno. */
int body_enlarge(struct body *b, int *file);
/* Not wanted any more. */
void body_drop(struct body *b);
/* It has been committed: the queue has it now. */
void body_done(struct body *b);

/* What the queue sends: its room for a new message in bytes (0 = none), fresh bodies. */
uint64_t body_room(void);
int body_on_stock(struct chan *c, struct ipc_msg *m); /* row of QUEUE_STOCK */
void body_add(uint64_t id, int *fd); /* takes fd */
void body_queue_down(void);

#endif
