/*
 * What holds for destinations and sources beside what the scheduler finds out: an administrator has suspended
 * them, or a section "reaction" suspends destinations or slows them down for what they have said. By the name of a
 * next hop, of an MX host, of a section "destination", or the key of a destination. Kept in a file of
 * the spool, so that a restart does not end it.
 *
 * Messages for one that is suspended wait on disk, parked at a destination of its own that the scheduler never sends to;
 * when it ends they are called from there, some at a time, and go where they belong.
 */
#ifndef QUEUE_SUSPEND_H
#define QUEUE_SUSPEND_H

#include <sys/queue.h>

#include "base/buf.h"
#include "proto/deliver.h"
#include "sched.h"

enum {
	SUSPEND_NAME_MAX = 255,
	SUSPEND_REASON_MAX = 256,
	SUSPENSIONS_MAX = 1000,
	SUSPEND_TRANSPORT = SCHED_TRANSPORTS - 1, /* of those destinations; no real one has it */
};

enum suspension_kind { SUSPEND_STOP, SUSPEND_SLOW, SUSPEND_SOURCE, SUSPEND_MOVE, SUSPEND_KINDS };

struct suspension {
	TAILQ_ENTRY(suspension) next;
	uint8_t kind; /* enum suspension_kind */
	uint16_t factor; /* SUSPEND_SLOW */
	char rule[REACTION_NAME_MAX + 1]; /* title of the section; empty: an administrator's */
	char pool[SOURCE_NAME_MAX + 1]; /* of a rule: for mail of this pool, or of none, alone */
	int64_t since, until; /* seconds since 1970; until 0 = until it is resumed */
	char name[SUSPEND_NAME_MAX + 1]; /* in lower case */
	char reason[SUSPEND_REASON_MAX + 1];
};

/* Reads the file; before confinement or after it. */
void suspend_open(void);
/*
 * name: "source=" and that of a source, or a destination. 0, or -1 when there are too many of administrators,
 * or the name is none. One with that name is replaced.
 */
int suspend_add(struct str name, int64_t seconds, struct str reason);
/*
 * A reply of a destination, to mail for that next hop, fits the section of that title: does what that
 * says. Said again, it lasts longer.
 */
void suspend_react(
    struct str rule, struct str reply, struct str nexthop, const struct sched_site *site);
/* Where the section of a rule begins: "thurn.conf:7"; empty = there is none. */
struct str suspend_where(const struct suspension *s);
/* Ends all of that name, which is as above; false when there is none. */
bool suspend_end(struct str name);
/* After a reload: ends those whose section is gone. */
void suspend_reload(void);
/* Whether one of a destination holds for that next hop, which belongs to that destination. */
bool suspend_holds(const struct suspension *s, struct str nexthop, const struct sched_site *site);
/*
 * The first behind `after` (NULL = of all) that holds for that next hop, which belongs to that
 * destination; or NULL.
 */
const struct suspension *suspend_holding(
    const struct suspension *after, struct str nexthop, const struct sched_site *site);
/* The one that suspends it, or all of the sources that it is to go out from; or NULL. */
const struct suspension *suspend_find(struct str nexthop, const struct sched_site *site);
/* Its mail goes out from another pool: then that is put into site. */
void suspend_move(struct str nexthop, struct sched_site *site);
/* The pool that a rule moves mail to. */
struct str suspend_moved_to(const struct suspension *s);
/* Tells the scheduler how much it is to be slowed down. */
void suspend_slow(struct str nexthop, const struct sched_site *site);
/* Where its messages are parked: suspended there for as long as it lasts. */
struct sched_site suspend_site(const struct suspension *s);
/* The one of that source, or NULL. */
const struct suspension *suspend_source(struct str source);
/* Tells the scheduler which sources are suspended. */
void suspend_sources(void);
/* The longest ago first, NULL at the end. */
const struct suspension *suspend_next(const struct suspension *s);
/* Every second: ends those whose time has come. */
void suspend_tick(void);

/* For tests: the file's text and back. -1 when it is damaged (nothing is taken). */
int suspend_encode(struct buf *b);
int suspend_decode(struct str text, int64_t now);

#endif
