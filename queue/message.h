/*
 * What the queue knows of a message. Every message on disk has a small `struct entry`; the whole
 * `struct message` exists only while something is being done with it.
 *
 *	COLLECTING -> ROUTING -> SHORTCUT -> (freed, never on disk)
 *	          \-> SEALING -> WAITING (reports) -> ROUTING
 *	LOADING -> ROUTING -> EXPANDING -> RUNNING -> SETTLING -> freed: deferred, held or removed
 */
#ifndef QUEUE_MESSAGE_H
#define QUEUE_MESSAGE_H

#include "base/arena.h"
#include "base/chan.h"
#include "base/log.h"
#include "facts.h"
#include "format.h"
#include "pool.h"
#include "proto/lookup.h"
#include "proto/queue.h"
#include "sched.h"
#include "shards.h"
#include "wheel.h"

/* A message in the spool. A million of them must fit into memory. */
struct entry {
	struct shard_node in; /* of all; its key is the id */
	struct wheel_node
	    node; /* in the wheel, or (its links) in the list of those that are ready */
	uint64_t size; /* bytes of the file */
	struct message *m; /* ENTRY_ACTIVE */
	struct brief *brief; /* from when it was in memory last; NULL = not known */
	struct sched_parked park; /* deferred: waits for its destination as well */
	uint64_t stamp; /* of the file as the brief has it; 0 = not known */
	uint8_t state;
	bool eager; /* an administrator wants all of it tried */
	bool found; /* was there at the start, or a worker ended without an answer: what was
		       under way then is unknown */
	bool scheduled; /* deferred because its sender wants it to wait (FUTURERELEASE) */
	bool moving; /* into the trash, or out of it */
	uint32_t trashed; /* ENTRY_TRASH: since when, seconds since 1970; names the order */
};

enum message_state {
	M_COLLECTING, /* the packets of a commit are coming in */
	M_ROUTING, /* lookup has been asked */
	M_SHORTCUT, /* dispatched before the 250 */
	M_SEALING, /* is being written and synced */
	M_WAITING, /* a report that waits for its message to record that it exists */
	M_LOADING, /* is being read */
	M_EXPANDING, /* the record of an expansion is being written and synced */
	M_RUNNING, /* deliveries are waiting or under way */
	M_SETTLING, /* results are being made durable, reports made, the file removed */
	M_STATES
};

/* Where one copy goes: a recipient, or one of those that it became. */
struct target {
	uint32_t rcpt; /* index in the envelope */
	uint32_t index; /* of its slot in the file of its part */
	uint8_t part; /* 0 = the message itself, n = its n-th expansion */
	uint8_t state; /* enum slot_state */
	uint8_t flags; /* SLOT_WARNED, SLOT_REPORTED */
	uint8_t fault; /* of the last attempt */
	bool expanded; /* others stand for it */
	bool maybe; /* an earlier attempt may have delivered it */
	bool passed_on; /* the next hop reports success */
	bool dirty; /* differs from its slot on disk */
	bool hard; /* and that must be synced before anything follows from it */
	bool skipped; /* the same, because its time has not come */
	bool parked; /* it has not been tried now, because there was no room for it */
	bool spared; /* its status says only that an administrator did not want it to be tried */
	bool untold; /* its outcome is logged when the message is accepted */
	uint16_t attempts;
	uint16_t early; /* as in struct slot */
	uint32_t generation;
	int64_t changed;
	struct str relay;
	uint8_t hop; /* of the way, at the last attempt */
	struct str tls; /* of the last attempt, as in deliver_result; not kept on disk */
	const struct status *status; /* of the last attempt; NULL = none yet */
	const struct route *route; /* NULL = to be asked */
};

/* What an administrator wants of a message that is busy; done when it settles. */
enum {
	WISH_HOLD = 1,
	WISH_DELETE = 2,
	WISH_EXPIRE = 4,
	WISH_REQUEUE = 8,
	WISH_RELEASE = 16, /* now, although its sender wants it to wait */
};

/* Where an administrator wants what is left of a message to go. In its arena. */
struct redirect {
	struct str to; /* the new recipient; empty: the old ones ... */
	struct str filter; /* ... by this "transport:nexthop"; empty = by its own route */
	bool failed; /* not all routes were found: nothing is redirected */
};

struct report;
struct transcripts;

struct message {
	struct tag tag;
	struct entry *entry; /* NULL = not in the spool (yet) */
	uint8_t state;
	uint8_t wishes;
	int64_t deleted; /* WISH_DELETE: the order, see trash.h; 0 = now */
	bool found; /* of the entry */
	bool held; /* its file says so, and nobody has released it */
	bool soon; /* what failed was ours: try again in seconds */
	bool again; /* try again at once: it was interrupted by a report that was due */
	bool checking; /* in the list of those whose works were dropped */
	bool all; /* every recipient is tried, whenever its next try is due */
	bool called; /* it has waited for its destination, and is awaited there */
	bool routed; /* lookup has been asked */
	bool hold; /* sealed as held: a rule wants it */
	int unsealed; /* errno of what keeps it out of the spool while a worker still has it */
	bool task_busy;
	bool twin; /* of its task: the file stands there already, whole */
	bool renamed; /* of its task: it is in the trash, though perhaps not for good */
	bool set_aside; /* of its task: something went to corrupt/ */
	uint8_t parts; /* files: itself and its expansions */
	struct arena arena;
	struct spool_layout layout;
	struct spool_content content;
	uint32_t flags; /* SPOOL_REPORT, SPOOL_DOUBLE */
	uint64_t parent;
	int64_t accepted; /* ms on the loop's clock: for delays */

	struct target *targets;
	uint32_t ntargets, cap_targets;
	uint32_t *order; /* indices of the targets that are to be delivered, by destination */
	uint32_t norder;
	struct sched_work *works;
	uint32_t nworks;
	struct sched_site park; /* where it waits when it has left memory; no key: nowhere */
	uint8_t lane;
	uint32_t flying; /* jobs under way */
	uint32_t waiting; /* works queued */

	struct route_run *routing;
	struct redirect *redirect; /* an administrator sends it elsewhere; NULL = not */
	struct spool_target *expansion; /* to be written */
	uint32_t nexpansion;

	int fd; /* spool file, O_RDWR; -1 */
	int memfd; /* body of a message that is not in the spool; -1 */
	struct buf text; /* body of a report that is not in the spool yet */
	uint64_t reserved;

	/* who waits for the 250; NULL = nobody (any more) */
	struct chan *client;
	struct chan_ref ref;
	struct queue_commit commit; /* while COLLECTING */

	struct task task;
	void (*task_done)(struct message *m, int error);
	struct slot_image *images;
	uint32_t nimages;
	struct transcripts *transcripts; /* to be written with the next slots */
	struct transcripts *writing; /* of its task */
	struct buf records;
	uint8_t *slots;
	struct spool_layout *part_layouts; /* of the expansions, by part */
	const char *load_why;
	uint8_t bad_part;
	int64_t next_found; /* what was on the file when it was loaded */
	bool never_timed; /* no time has been put on it since the last of its bytes was written */
	int64_t next_try; /* seconds since 1970 to put on the file, 0 = leave */
	uint64_t stamp; /* of the file after that */
	bool sync_file;

	struct report *reports; /* to be made */
	struct report *report_at; /* next of them */
	int report_error;
	void (*report_done)(struct message *m, int error);
	uint64_t retry_ms;
	struct message *report_of; /* the message that this report is made for */
	uint64_t deadline; /* of the short cut */
	TAILQ_ENTRY(message) next; /* all */
	TAILQ_ENTRY(message)
	cut_next; /* short cuts by deadline, or those that could not be removed */
	TAILQ_ENTRY(message) check_next; /* those to be checked */
	bool in_cut;
};
TAILQ_HEAD(message_list, message);

struct message *message_new(uint64_t id);
/* Closes and frees it; its entry stays. Nothing may be under way. */
void message_free(struct message *m);
/* Moves it, asserting that this edge exists. */
void message_state(struct message *m, enum message_state to);
/* All that exist. */
struct message_list *message_all(void);
unsigned message_count(enum message_state s);
/* An id that no message has. */
uint64_t message_id(void);

struct entry *entry_find(uint64_t id);
/* A new one; NULL if there is one with that id. */
struct entry *entry_new(uint64_t id, uint64_t size, enum entry_state state);
void entry_state(struct entry *e, enum entry_state to);
void entry_resize(struct entry *e, uint64_t size);
void entry_free(struct entry *e);
static inline uint64_t entry_id(const struct entry *e)
{
	return e->in.key;
}
/* Takes over what is known of it (NULL = nothing). */
void entry_brief(struct entry *e, struct brief *b);
/* Goes up whenever something about them is known that was not. */
uint64_t entry_changes(void);
/* The ids of one shard of them (of SHARDS) into out, which has room for entry_count() of it. */
uint32_t entry_count(unsigned shard);
void entry_ids(unsigned shard, uint64_t *out);

struct queue_counts {
	uint64_t messages[ENTRY_STATES], bytes[ENTRY_STATES];
	uint64_t accepted, delivered, deferred, failed, removed, shortcuts, reports, damaged;
};
extern struct queue_counts counts;

/* Seconds since 1970; milliseconds since then. */
int64_t wall_seconds(void);
int64_t wall_millis(void);

/* Its sender wants it to be sent later than now. */
static inline bool message_waits(const struct message *m)
{
	return m->content.envelope.release > wall_seconds();
}

/*
 * When it began to be tried, ms since 1970 by the clock as it goes now: when it was accepted, or when
 * its sender wanted it to be sent, or when it was released before that.
 */
int64_t message_begin(const struct message *m, int64_t now);
/* Milliseconds from then to now (ms since 1970). */
uint64_t message_age(const struct message *m, int64_t now);

/* The number of a target for deliver-*: the same in every attempt. */
uint32_t target_number(const struct target *t);
static inline const struct envelope_rcpt *target_rcpt(
    const struct message *m, const struct target *t)
{
	return &m->content.envelope.rcpts[t->rcpt];
}
/* Nothing is left to do for it, but perhaps a report. */
static inline bool target_final(const struct target *t)
{
	return t->expanded || t->state == SLOT_DONE || t->state == SLOT_FAILED ||
	       t->state == SLOT_BOUNCED;
}
/* One more attempt has ended at that time (ms since 1970). */
void target_tried(const struct message *m, struct target *t, int64_t now);
/* Changes state, remembering that the slot must be written (hard: and synced). */
void target_set(struct target *t, enum slot_state state, bool hard);
/* The outcome of an attempt; the status is copied into the message's arena. */
void target_status(struct message *m, struct target *t, const struct status *st);

#endif
