/* What a start would like to know. See checkpoint.h. */
#include "checkpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "base/loop.h"
#include "brief.h"
#include "message.h"
#include "pool.h"
#include "scan.h"
#include "snapshot.h"
#include "spool.h"

enum {
	EVERY_MS = 60 * 1000,
	LATEST_MS = 10 * 60 * 1000,
	/* a large one is not written again for a few changes: what it lacks is read */
	WORTH = 32, /* of so many messages, one has changed */
};

static struct {
	struct task task;
	bool busy;
	struct snapshot file;
	unsigned shard; /* that is being written */
	struct buf items;
	uint32_t n;
	uint64_t began, written; /* ms on the loop's clock */
	uint64_t changes; /* entry_changes() when it was begun */
	uint64_t messages;
} now = { .file = { .fd = -1 } };

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* One whose file is not as its brief was made of is left out. */
static void put_entry(const struct entry *e)
{
	if (e == NULL || e->m != NULL || e->brief == NULL || e->stamp == 0)
		return;
	snapshot_item(&now.items, entry_id(e), e->stamp, brief_bytes(e->brief));
	now.n++;
}

static void collect(unsigned shard)
{
	uint32_t n = entry_count(shard);
	uint64_t *ids = xreallocarray(NULL, n + 1, sizeof *ids);

	entry_ids(shard, ids);
	qsort(ids, n, sizeof *ids, compare_ids);
	buf_reset(&now.items);
	now.n = 0;
	for (uint32_t i = 0; i < n; i++)
		put_entry(entry_find(ids[i]));
	now.messages += now.n;
	free(ids);
}

/* --- in a thread ------------------------------------------------------------------------------ */

static int run_begin(struct task *t)
{
	int fd = spool_checkpoint_new();

	(void)t;
	if (fd == -1)
		return errno;
	snapshot_begin(&now.file, fd);
	return 0;
}

static int run_section(struct task *t)
{
	(void)t;
	crash_point("checkpoint.writing");
	return snapshot_add(&now.file, now.shard, buf_view(&now.items), now.n) == -1 ? errno : 0;
}

static int run_end(struct task *t)
{
	(void)t;
	if (snapshot_end(&now.file) == -1 || fsync(now.file.fd) == -1)
		return errno;
	crash_point("checkpoint.before_rename");
	return spool_checkpoint_keep() == -1 ? errno : 0;
}

/* --- on the loop ------------------------------------------------------------------------------ */

static void done(int error)
{
	snapshot_close(&now.file);
	buf_clear(&now.items);
	now.busy = false;
	now.written = loop_now();
	if (error != 0)
		log_warning(NULL, EV("checkpoint-not-written"), KZ("error", strerror(error)));
	else
		log_info(NULL, EV("checkpoint-written"), KI("messages", now.messages),
		    KI("bytes", now.file.end), KI("ms", loop_now() - now.began));
}

static void step(struct task *t, int error);

static void submit(int (*run)(struct task *t))
{
	now.task = (struct task){ .run = run, .done = step, .sync_dir = POOL_NO_DIR };
	/* nobody waits for it */
	pool_submit(&now.task, POOL_REMOVE);
}

static void step(struct task *t, int error)
{
	if (error != 0 || t->run == run_end) {
		done(error);
		return;
	}
	if (t->run == run_section)
		now.shard++;
	if (now.shard == SHARDS) {
		submit(run_end);
		return;
	}
	collect(now.shard);
	submit(run_section);
}

bool checkpoint_busy(void)
{
	return now.busy;
}

void checkpoint_write(void)
{
	if (now.busy || !scan_complete() || entry_changes() == now.changes)
		return;
	now.busy = true;
	now.began = loop_now();
	now.changes = entry_changes();
	now.shard = 0;
	now.messages = 0;
	buf_init(&now.items, SNAPSHOT_SECTION_MAX);
	submit(run_begin);
}

void checkpoint_tick(void)
{
	uint64_t changes = entry_changes() - now.changes, all = 0, since;

	if (now.written == 0)
		now.written = loop_now();
	since = loop_now() - now.written;
	if (since < EVERY_MS || changes == 0)
		return;
	for (unsigned i = 0; i < ENTRY_STATES; i++)
		all += counts.messages[i];
	if (since >= LATEST_MS || changes * WORTH >= all)
		checkpoint_write();
}
