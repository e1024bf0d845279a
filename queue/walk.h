/*
 * Requests of the control socket that go over many messages, some at a time, so that nothing else
 * waits: the listing, or an action on all.
 */
#ifndef QUEUE_WALK_H
#define QUEUE_WALK_H

#include "base/chan.h"
#include "message.h"
#include "record.h"

enum { WALK_BATCH = 64 /* messages per step */ };

/* A tool that is connected. */
struct connection {
	struct chan chan;
	bool owner;
	struct walk *walk;
};

/* An answer to one of its requests: a record (fd -1 = none goes with it), and the end. */
void control_record(struct connection *c, struct chan_ref ref, struct str json, int fd);
void control_end(struct connection *c, struct chan_ref ref, uint32_t status, const char *text);

/* What an administrator may do to a message; fn says whether there was something to do. */
struct queue_action {
	const char *name;
	bool (*fn)(struct entry *e);
	bool flush; /* may be for a site, and gives suspended destinations another try */
};

/* By name; NULL if there is none. */
const struct queue_action *act_find(struct str name);

/* Outlives its connection while a thread still works for it. */
struct walk {
	struct task task;
	struct connection *conn; /* NULL: the tool has gone */
	struct chan_ref ref;
	const struct queue_action *action; /* NULL: a listing */
	struct record_match match;
	bool silent; /* no records: the action is done to what matches */
	uint64_t *ids;
	size_t n, at, cap;
	uint64_t done; /* messages acted on */
	struct record_head heads[WALK_BATCH];
	unsigned nheads;
	struct buf records; /* {u32 length, bytes} each */
	struct timer timer;
};

/* For that request: over no message yet; over all that there are now. walk_step() begins. */
struct walk *walk_empty(struct connection *c, const struct ipc_msg *m);
struct walk *walk_new(struct connection *c, const struct ipc_msg *m);
void walk_step(void *walk);
void walk_free(struct walk *w);

/* How many messages an action was done to. */
void walk_end_action(struct connection *c, struct chan_ref ref, uint64_t count);
/* What is known of a message without its file. */
struct record_head walk_head(const struct entry *e);

#endif
