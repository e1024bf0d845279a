/* Deleted messages. See trash.h. */
#include "trash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "base/loop.h"
#include "gather.h"
#include "load.h"
#include "pool.h"
#include "settings.h"
#include "space.h"

enum {
	BUSY_MAX = 256, /* orders on their way at once */
	ORDERS_MAX = 64, /* that can be undone by their age */
	RETRY_MS = 60 * 1000, /* what the disk did not let go */
	RELIEF_SHARDS = 4, /* looked through in a second when there is no space */
};

/* One of them is being renamed or removed. */
struct move {
	struct task task;
	uint64_t id;
	int64_t when;
	struct spool_times times; /* afterwards */
	bool renamed; /* though perhaps not for good: the directory is synced last */
	void (*done)(struct entry *e, struct move *mv, int error);
};

static unsigned busy;
static int64_t orders[ORDERS_MAX]; /* ascending */
static unsigned norders;

/* --- orders ----------------------------------------------------------------------------------- */

static void order_add(int64_t when)
{
	unsigned i = norders;

	while (i > 0 && orders[i - 1] > when)
		i--;
	if (i > 0 && orders[i - 1] == when)
		return;
	if (norders == ORDERS_MAX) {
		if (i == 0)
			return;
		memmove(orders, orders + 1, --i * sizeof *orders);
	} else {
		memmove(orders + i + 1, orders + i, (norders++ - i) * sizeof *orders);
	}
	orders[i] = when;
}

int64_t trash_last(void)
{
	return norders > 0 ? orders[norders - 1] : 0;
}

void trash_undone(int64_t when)
{
	for (unsigned i = 0; i < norders; i++) {
		if (orders[i] == when) {
			memmove(orders + i, orders + i + 1, (--norders - i) * sizeof *orders);
			return;
		}
	}
}

/* --- moves ------------------------------------------------------------------------------------ */

static void moved(struct task *t, int error)
{
	struct move *mv = (struct move *)t;
	struct entry *e = entry_find(mv->id);

	busy--;
	if (e != NULL) {
		e->moving = false;
		mv->done(e, mv, error);
	}
	free(mv);
	load_pump();
}

static void start(struct entry *e, int (*run)(struct task *t), enum pool_lane lane, bool sync,
    void (*done)(struct entry *e, struct move *mv, int error))
{
	struct move *mv = xcalloc(1, sizeof *mv);

	assert(!e->moving && e->m == NULL);
	e->moving = true;
	mv->id = entry_id(e);
	mv->when = e->trashed;
	mv->done = done;
	mv->task = (struct task){ .run = run,
		.done = moved,
		.sync_dir = sync ? (int)spool_dir_of(mv->id) : POOL_NO_DIR };
	busy++;
	pool_submit(&mv->task, lane);
}

static struct tag tag_of(const struct entry *e)
{
	return (struct tag){ .queue = entry_id(e) };
}

static void tell(const struct entry *e, const char *event)
{
	struct facts_rcpt rcpts[BRIEF_RCPTS];
	struct tag tag = tag_of(e);
	struct facts f = { 0 };

	if (e->brief != NULL)
		(void)brief_read(brief_bytes(e->brief), &f, rcpts);
	tag.trace = f.trace;
	log_notice(&tag, event, KS("from", f.known ? f.sender : STR_NONE), KI("size", f.body_size),
	    KI("nrcpt", f.left));
}

static void complain(const struct entry *e, const char *event, int error)
{
	struct tag tag = tag_of(e);

	log_error(&tag, event, KZ("error", strerror(error)));
}

/* --- deleting --------------------------------------------------------------------------------- */

static int run_put(struct task *t)
{
	struct move *mv = (struct move *)t;

	crash_point("trash.before_rename");
	if (spool_trash(mv->id, mv->when) == -1)
		return errno;
	mv->renamed = true;
	crash_point("trash.after_rename");
	(void)spool_stat(mv->id, 0, mv->when, &mv->times);
	return 0;
}

static void put_done(struct entry *e, struct move *mv, int error)
{
	if (error != 0)
		complain(e, EV("not-removed"), error);
	if (!mv->renamed) {
		e->trashed = 0;
		load_later(e, settings.maximal_backoff);
		return;
	}
	/* where it is now; after a power cut it may be back */
	e->stamp = mv->times.stamp;
	if (error == 0)
		tell(e, EV("deleted"));
	trash_keep(e, mv->when);
}

static void gone(struct entry *e, struct move *mv, int error)
{
	if (error != 0) {
		complain(e, EV("not-removed"), error);
		load_trash(e, RETRY_MS);
		return;
	}
	pool_dirty(spool_dir_of(mv->id));
	tell(e, EV("trash-removed"));
	entry_free(e);
}

static int run_end(struct task *t)
{
	struct move *mv = (struct move *)t;

	return spool_remove_trash(mv->id, mv->when) == -1 ? errno : 0;
}

void trash_put(struct entry *e, int64_t when)
{
	load_forget(e);
	/* its destination does not wait for it any more */
	sched_unpark(&e->park, loop_now());
	entry_state(e, ENTRY_TRASH);
	e->trashed = (uint32_t)when;
	start(e, run_put, POOL_WORK, true, put_done);
}

void trash_keep(struct entry *e, int64_t when)
{
	int64_t left = when + (int64_t)(settings.trash_time / 1000) - wall_seconds();

	e->trashed = (uint32_t)when;
	order_add(when);
	load_trash(e, left > 0 ? (uint64_t)left * 1000 : 1);
}

void trash_end(struct entry *e)
{
	if (e->moving)
		return;
	load_forget(e);
	start(e, run_end, POOL_REMOVE, false, gone);
}

/* --- coming back ------------------------------------------------------------------------------ */

static int run_restore(struct task *t)
{
	struct move *mv = (struct move *)t;

	/* looked at before, because what is renamed must come back with what its time says */
	if (spool_stat(mv->id, 0, mv->when, &mv->times) == -1 ||
	    spool_untrash(mv->id, mv->when) == -1)
		return errno;
	mv->renamed = true;
	mv->times.stamp = 0;
	(void)spool_stat(mv->id, 0, 0, &mv->times);
	return 0;
}

static void restored(struct entry *e, struct move *mv, int error)
{
	if (error != 0)
		complain(e, EV("not-restored"), error);
	if (!mv->renamed) {
		trash_keep(e, mv->when);
		return;
	}
	e->trashed = 0;
	e->stamp = mv->times.stamp;
	if (error == 0)
		tell(e, EV("restored"));
	load_as(e, &mv->times);
}

void trash_restore(struct entry *e)
{
	load_forget(e);
	start(e, run_restore, POOL_WORK, true, restored);
}

/* --- space ------------------------------------------------------------------------------------ */

bool trash_full(void)
{
	return busy >= BUSY_MAX;
}

void trash_tick(void)
{
	static unsigned shard;

	/* mail that comes in is worth more than mail that nobody wants back */
	for (unsigned i = 0; i < RELIEF_SHARDS; i++) {
		uint64_t *ids;
		uint32_t n;

		if (counts.messages[ENTRY_TRASH] == 0 || space_has_failed() || space_room() > 0)
			return;
		n = entry_count(shard);
		ids = xreallocarray(NULL, n + 1, sizeof *ids);
		entry_ids(shard, ids);
		for (uint32_t k = 0; k < n && !trash_full(); k++) {
			struct entry *e = entry_find(ids[k]);

			if (e->state == ENTRY_TRASH)
				trash_end(e);
		}
		free(ids);
		shard = (shard + 1) % SHARDS;
	}
}
