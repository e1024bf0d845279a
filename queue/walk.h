/*
 * Requests of the control socket that go over all messages, some at a time, so that nothing else
 * waits: the listing, or an action, of what a query asks for. What is kept in memory answers; where
 * that does not know, the message's file is read in a helper thread.
 */
#ifndef QUEUE_WALK_H
#define QUEUE_WALK_H

#include "base/chan.h"
#include "base/loop.h"
#include "message.h"
#include "query.h"
#include "shape.h"

enum { WALK_FILES = 64 /* files read at once */ };

/* A tool that is connected. */
struct connection {
	struct chan chan;
	bool owner;
	struct walk *walk;
};

/* An answer to one of its requests: a record (fd -1 = none goes with it), and the end. */
void control_record(struct connection *c, struct chan_ref ref, struct str json, int fd);
void control_end(struct connection *c, struct chan_ref ref, uint32_t status, const char *text);
/* Only the owner of the suite may: true when it is not, and has been told so. */
bool control_refused(struct connection *c, struct chan_ref ref);

/* An order of an administrator. */
struct queue_order {
	int64_t when; /* names it: all that is deleted by it comes back by one undo */
	/* redirect: where to, one of them; empty = the other */
	char to[ADDRESS_MAX + 1], nexthop[NEXTHOP_MAX + 1];
};

/* What an administrator may do to a message, if there is something to do. */
struct queue_action {
	const char *name;
	bool (*may)(const struct entry *e);
	void (*fn)(struct entry *e, const struct queue_order *o);
	bool revive; /* gives suspended destinations another try */
	bool elsewhere; /* an order must say where to */
	bool trash; /* to what is in the trash, and to nothing else */
};

/* By name; NULL if there is none. */
const struct queue_action *act_find(struct str name);

/* One whose file has to be read. */
struct walk_file {
	struct facts facts; /* before: the head; strings are not kept */
	struct brief *brief;
	bool wanted;
};

/* Outlives its connection while a thread still works for it. */
struct walk {
	struct task task;
	struct connection *conn; /* NULL: the tool has gone */
	struct chan_ref ref;
	const struct queue_action *action; /* NULL: a listing */
	struct queue_order order;
	bool trash; /* over what is in the trash */
	int64_t only; /* and has been put there by that order; 0 = any */
	struct shape *shape; /* what matches is counted there; NULL = it is not */
	uint32_t rows; /* of it, to be told */
	bool records; /* those that match are listed */
	bool dry; /* nothing is done to them */
	bool flush; /* run_flush_begins() was called for it */
	struct query query;
	int64_t now; /* for the whole of it */
	unsigned shard; /* to look at next */
	uint64_t *ids; /* of the shard before it */
	size_t n, at;
	uint64_t done; /* messages acted on */
	struct walk_file *files;
	unsigned nfiles;
	struct buf out; /* {u32 length, record} each, of the files */
	struct timer timer;
};

/*
 * For that request, over all messages; NULL when where is no query: the tool has been told.
 * walk_start() begins.
 */
struct walk *walk_new(struct connection *c, struct chan_ref ref, struct str where);
/* Over that one only. */
struct walk *walk_one(struct connection *c, struct chan_ref ref, uint64_t id);
void walk_start(struct walk *w);
/* Its tool has gone. */
void walk_leave(struct walk *w);

/* How many messages an action was done to. */
void walk_end_action(struct connection *c, struct chan_ref ref, uint64_t count);

#endif
