/* The start. See scan.h. */
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "gather.h"
#include "load.h"
#include "snapshot.h"
#include "trash.h"

enum {
	SCANS = 4, /* directories looked at, at once */
	READS = 64, /* files read in the background by one task */
};

struct found {
	uint64_t id, inode;
	unsigned part;
	int64_t trashed;
	bool good;
	struct spool_times times;
	struct brief *brief; /* from the checkpoint; NULL = not there */
};

/* One hash directory after the other. */
static struct scan {
	struct task task;
	unsigned dir;
	struct found *found;
	size_t n, cap;
} scans[SCANS];

static struct snapshot snapshot;
static unsigned next_dir, done_dirs;
static uint64_t known; /* messages whose brief was in the checkpoint */
static bool stopped;

/* --- in a thread ------------------------------------------------------------------------------ */

static void strange(unsigned dir, const char *name)
{
	log_warning(NULL, EV("strange-file"), KI("directory", dir), KZ("name", name));
}

static bool scan_name(void *arg, const char *name, uint64_t inode)
{
	struct scan *s = arg;
	struct found f = { .inode = inode };

	/* a name that none of ours has: left alone, and reported */
	if (spool_parse_name(str_of(name), &f.id, &f.part, &f.trashed) == -1 ||
	    spool_dir_of(f.id) != s->dir) {
		strange(s->dir, name);
		return true;
	}
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 256 : s->cap * 2;
		s->found = xreallocarray(s->found, s->cap, sizeof *s->found);
	}
	s->found[s->n++] = f;
	return true;
}

static void look(struct scan *s, struct found *f)
{
	char name[SPOOL_NAME];

	f->good = spool_stat(f->id, f->part, f->trashed, &f->times) == 0;
	/* a directory, a link: as a strange name. One that has gone meanwhile is nothing. */
	if (f->good || errno == ENOENT)
		return;
	spool_name(f->id, f->part, name);
	strange(s->dir, name);
}

static int compare_inodes(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void recall(struct scan *s)
{
	struct snapshot_items items;

	if (s->n == 0 || snapshot.fd == -1)
		return;
	if (snapshot_read(&snapshot, s->dir, &items) == -1) {
		log_warning(NULL, EV("checkpoint-damaged"), KI("directory", s->dir));
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		struct found *f = &s->found[i];
		struct str brief = { NULL, 0 };

		if (f->good && f->part == 0)
			brief = snapshot_find(&items, f->id, f->times.stamp);
		if (brief.p != NULL)
			f->brief = brief_copy(brief);
	}
	snapshot_free(&items);
}

static int run_scan(struct task *t)
{
	struct scan *s = (struct scan *)t;
	int error = spool_scan(s->dir, scan_name, s) == -1 ? errno : 0;

	/* in the order in which the disk has them */
	if (s->n > 1)
		qsort(s->found, s->n, sizeof *s->found, compare_inodes);
	for (size_t i = 0; i < s->n; i++)
		look(s, &s->found[i]);
	recall(s);
	return error;
}

/* --- on the loop ------------------------------------------------------------------------------ */

static void adopt(struct found *f)
{
	struct entry *e;

	if (f->part != 0 || !f->good)
		return;
	e = entry_new(f->id, f->times.size, ENTRY_HELD);
	if (e == NULL)
		return; /* came in after the start */
	known += f->brief != NULL;
	e->brief = f->brief;
	f->brief = NULL;
	e->stamp = f->times.stamp;
	e->found = true;
	if (f->trashed != 0)
		trash_keep(e, f->trashed);
	else
		load_as(e, &f->times);
}

/* Perhaps as something that cannot be taken in now: a file with another link, or unreadable. */
static bool message_stands(const struct scan *s, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->found[i].part == 0 && s->found[i].id == id)
			return true;
	return false;
}

/* Expansions whose message is gone: what is left of a removal that was cut off. */
static void remove_orphan(const struct scan *s, const struct found *f)
{
	if (f->part != 0 && f->good && entry_find(f->id) == NULL && !message_stands(s, f->id) &&
	    spool_remove(f->id, f->part) == 0)
		log_info(NULL, EV("orphan-removed"), KI("part", f->part));
}

static void scan_next(struct scan *s);

static void scan_done(struct task *t, int error)
{
	struct scan *s = (struct scan *)t;

	if (error != 0)
		log_error(NULL, EV("spool-not-read"), KI("directory", s->dir),
		    KZ("error", strerror(error)));
	for (size_t i = 0; i < s->n; i++)
		adopt(&s->found[i]);
	for (size_t i = 0; i < s->n; i++) {
		/* in a directory that was read in part nobody knows what is gone */
		if (error == 0)
			remove_orphan(s, &s->found[i]);
		free(s->found[i].brief);
	}
	s->n = 0;
	done_dirs++;
	scan_next(s);
	load_pump();
}

static void read_next(void);

static void complete(void)
{
	snapshot_close(&snapshot);
	log_info(NULL, EV("queue-loaded"), KI("deferred", counts.messages[ENTRY_DEFERRED]),
	    KI("held", counts.messages[ENTRY_HELD]),
	    KI("ready", counts.messages[ENTRY_READY] + counts.messages[ENTRY_ACTIVE]),
	    KI("known", known));
	read_next();
}

/* The last one is always looked at: what follows the scan has its place behind a task. */
static void skip_missing(void)
{
	for (; next_dir < SPOOL_DIRS - 1 && !spool_has_dir(next_dir); next_dir++)
		done_dirs++;
}

static void scan_next(struct scan *s)
{
	skip_missing();
	if (next_dir < SPOOL_DIRS) {
		s->dir = next_dir++;
		s->task =
		    (struct task){ .run = run_scan, .done = scan_done, .sync_dir = POOL_NO_DIR };
		pool_submit(&s->task, POOL_WORK);
		return;
	}
	free(s->found);
	s->found = NULL;
	s->cap = 0;
	if (done_dirs == SPOOL_DIRS)
		complete();
}

/* --- what the checkpoint lacks ---------------------------------------------------------------- */

static struct {
	struct task task;
	unsigned shard;
	uint64_t *ids;
	uint32_t n, at;
	struct facts read[READS];
	uint64_t stamps[READS];
	struct brief *briefs[READS];
	unsigned nread;
	uint64_t count;
	struct timer pause;
} reader;

static int run_read(struct task *t)
{
	(void)t;
	for (unsigned i = 0; i < reader.nread; i++) {
		struct facts *f = &reader.read[i];
		struct arena a;

		arena_init(&a);
		reader.briefs[i] = gather_file(&a, f) == 0 && f->left > 0 ? brief_new(f) : NULL;
		arena_clear(&a);
	}
	return 0;
}

static bool lacking(const struct entry *e)
{
	return e != NULL && e->m == NULL && e->brief == NULL && e->state != ENTRY_INCOMING;
}

static void read_done(struct task *t, int error)
{
	(void)t;
	(void)error;
	for (unsigned i = 0; i < reader.nread; i++) {
		struct entry *e = entry_find(reader.read[i].id);

		/* what has been in memory meanwhile is known better */
		if (lacking(e) && e->stamp == reader.stamps[i]) {
			entry_brief(e, reader.briefs[i]);
			reader.count += reader.briefs[i] != NULL;
		} else {
			free(reader.briefs[i]);
		}
	}
	read_next();
}

/* Takes some of the shard that are not known. */
static void take_ids(void)
{
	reader.nread = 0;
	while (reader.at < reader.n && reader.nread < READS) {
		uint64_t id = reader.ids[reader.at++];
		const struct entry *e = entry_find(id);

		if (!lacking(e))
			continue;
		reader.stamps[reader.nread] = e->stamp;
		gather_head(e, &reader.read[reader.nread++]);
	}
}

static void read_step(void *arg)
{
	(void)arg;
	if (stopped)
		return;
	if (reader.at == reader.n && reader.shard < SHARDS) {
		reader.n = entry_count(reader.shard);
		reader.at = 0;
		reader.ids = xreallocarray(reader.ids, reader.n + 1, sizeof *reader.ids);
		entry_ids(reader.shard++, reader.ids);
	}
	take_ids();
	if (reader.nread > 0) {
		reader.task =
		    (struct task){ .run = run_read, .done = read_done, .sync_dir = POOL_NO_DIR };
		pool_submit(&reader.task, POOL_WORK);
	} else if (reader.at == reader.n && reader.shard == SHARDS) {
		free(reader.ids);
		reader.ids = NULL;
		if (reader.count > 0)
			log_info(NULL, EV("queue-read"), KI("messages", reader.count));
	} else {
		read_next();
	}
}

/* Everything else comes first. */
static void read_next(void)
{
	timer_set(&reader.pause, 0, read_step, NULL);
}

/* --- all of it -------------------------------------------------------------------------------- */

bool scan_complete(void)
{
	return done_dirs == SPOOL_DIRS;
}

void scan_stop(void)
{
	stopped = true;
}

static int run_open(struct task *t)
{
	int fd = spool_checkpoint_open();

	(void)t;
	if (fd == -1)
		return errno == ENOENT ? 0 : errno;
	return snapshot_open(&snapshot, fd) == -1 ? EBADMSG : 0;
}

static void opened(struct task *t, int error)
{
	(void)t;
	if (error != 0)
		log_warning(NULL, EV("checkpoint-damaged"), KZ("error", strerror(error)));
	for (unsigned i = 0; i < SCANS; i++)
		scan_next(&scans[i]);
}

void scan_start(void)
{
	static struct task task;

	snapshot.fd = -1;
	task = (struct task){ .run = run_open, .done = opened, .sync_dir = POOL_NO_DIR };
	pool_submit(&task, POOL_WORK);
}
