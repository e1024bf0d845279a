/* Requests over many messages. See walk.h. */
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/alloc.h"
#include "gather.h"
#include "load.h"
#include "record.h"
#include "run.h"
#include "scan.h"
#include "settings.h"
#include "trash.h"

enum {
	OUT_HIGH = 1024 * 1024, /* bytes waiting for the tool before the walk waits, too */
	WALK_WAIT_MS = 5,
	OUT_MAX = 8 * 1024 * 1024, /* records of one batch of files */
	SLICE_US = 1000, /* then it is the others' turn */
	SLICE_LOOK = 32, /* messages between two looks at the clock */
};

static void step(void *arg);

/* --- life ------------------------------------------------------------------------------------- */

static void walk_free(struct walk *w)
{
	timer_clear(&w->timer);
	if (w->flush)
		run_flush_ends();
	if (w->conn != NULL)
		w->conn->walk = NULL;
	if (w->shape != NULL)
		shape_free(w->shape);
	free(w->ids);
	free(w->files);
	buf_clear(&w->out);
	free(w);
}

void walk_end_action(struct connection *c, struct chan_ref ref, uint64_t count)
{
	char json[64];

	snprintf(json, sizeof json, "{\"count\": %llu}", (unsigned long long)count);
	control_record(c, ref, str_of(json), -1);
	control_end(c, ref, EX_OK, "");
}

static void send_row(struct walk *w, const char *kind, const struct shape_row *r)
{
	struct buf b;

	buf_init(&b, IPC_BODY_MAX);
	record_shape(&b, kind, r);
	control_record(w->conn, w->ref, buf_view(&b), -1);
	buf_clear(&b);
}

static void send_domain(void *arg, const struct shape_row *r)
{
	send_row(arg, "domain", r);
}

static void send_shape(struct walk *w)
{
	const struct shape_row unknown = { .total = shape_unknown(w->shape) };

	send_row(w, "total", shape_total(w->shape));
	shape_each(w->shape, w->rows, send_domain, w);
	if (shape_others(w->shape)->total > 0)
		send_row(w, "others", shape_others(w->shape));
	if (unknown.total > 0)
		send_row(w, "unknown", &unknown);
}

static void walk_end(struct walk *w)
{
	if (w->shape != NULL)
		send_shape(w);
	if (w->only != 0 && !w->dry)
		trash_undone(w->only);
	if (w->action != NULL)
		walk_end_action(w->conn, w->ref, w->done);
	else
		control_end(w->conn, w->ref, EX_OK, "");
	walk_free(w);
}

struct walk *walk_new(struct connection *c, struct chan_ref ref, struct str where)
{
	struct walk *w = xcalloc(1, sizeof *w);
	char why[256];

	if (query_parse(&w->query, where, why) == -1) {
		control_end(c, ref, EX_USAGE, why);
		free(w);
		return NULL;
	}
	w->conn = c;
	w->ref = ref;
	w->now = wall_seconds();
	w->files = xcalloc(WALK_FILES, sizeof *w->files);
	buf_init(&w->out, OUT_MAX);
	c->walk = w;
	return w;
}

struct walk *walk_one(struct connection *c, struct chan_ref ref, uint64_t id)
{
	struct walk *w = walk_new(c, ref, STR_NONE);

	w->shard = SHARDS;
	w->ids = xcalloc(1, sizeof *w->ids);
	w->ids[w->n++] = id;
	return w;
}

void walk_start(struct walk *w)
{
	step(w);
}

void walk_leave(struct walk *w)
{
	w->conn = NULL;
	/* a thread that works for it ends it */
	if (w->nfiles == 0)
		walk_free(w);
}

/* --- files, in a thread ----------------------------------------------------------------------- */

static void keep_record(struct buf *out, struct buf *one)
{
	uint32_t n = (uint32_t)one->n;

	if (out->n + sizeof n + n <= out->max) {
		buf_put(out, &n, sizeof n);
		buf_put(out, one->p, n);
	}
}

static void read_file(struct walk *w, struct walk_file *file, struct buf *one)
{
	struct facts *f = &file->facts;
	struct arena a;

	arena_init(&a);
	file->wanted = gather_file(&a, f) == 0 && query_ask(&w->query, f, w->now) == ANSWER_YES;
	if (file->wanted && w->records) {
		buf_reset(one);
		record_facts(one, f);
		if (!one->full)
			keep_record(&w->out, one);
	}
	file->brief = f->known && f->left > 0 ? brief_new(f) : NULL;
	arena_clear(&a);
}

static int run_files(struct task *t)
{
	struct walk *w = (struct walk *)t;
	struct buf one;

	buf_init(&one, IPC_BODY_MAX);
	for (unsigned i = 0; i < w->nfiles; i++)
		read_file(w, &w->files[i], &one);
	buf_clear(&one);
	return 0;
}

static void send_records(struct walk *w)
{
	size_t at = 0;

	while (at < w->out.n) {
		uint32_t n;

		memcpy(&n, w->out.p + at, sizeof n);
		control_record(w->conn, w->ref, str_bytes(w->out.p + at + sizeof n, n), -1);
		at += sizeof n + n;
	}
	buf_reset(&w->out);
}

static void act(struct walk *w, struct entry *e)
{
	w->done++;
	if (!w->dry)
		w->action->fn(e, &w->order);
}

static void file_done(struct walk *w, struct walk_file *file)
{
	struct entry *e = entry_find(file->facts.id);
	struct brief *b = file->brief;

	file->brief = NULL;
	/* what has been in memory meanwhile is known better */
	if (e != NULL && e->m == NULL && e->brief == NULL)
		entry_brief(e, b);
	else
		free(b);
	if (e != NULL && file->wanted && w->conn != NULL && w->action != NULL && w->action->may(e))
		act(w, e);
}

static void files_done(struct task *t, int error)
{
	struct walk *w = (struct walk *)t;

	(void)error;
	for (unsigned i = 0; i < w->nfiles; i++)
		file_done(w, &w->files[i]);
	w->nfiles = 0;
	if (w->conn == NULL) {
		walk_free(w);
		return;
	}
	load_pump();
	send_records(w);
	step(w);
}

/* --- one after the other ---------------------------------------------------------------------- */

static void list(struct walk *w, const struct facts *f)
{
	struct buf one;

	buf_init(&one, IPC_BODY_MAX);
	record_facts(&one, f);
	if (!one.full)
		control_record(w->conn, w->ref, buf_view(&one), -1);
	buf_clear(&one);
}

static void visit(struct walk *w, struct entry *e, struct arena *a)
{
	struct facts_rcpt rcpts[BRIEF_RCPTS];
	struct facts f;
	enum answer answer;

	if ((e->state == ENTRY_TRASH) != w->trash || (w->only != 0 && e->trashed != w->only) ||
	    (w->action != NULL && !w->action->may(e)))
		return;
	gather_entry(e, a, rcpts, &f);
	answer = query_ask(&w->query, &f, w->now);
	if (answer == ANSWER_NO)
		return;
	if (w->shape != NULL) {
		f.known = f.known && answer == ANSWER_YES;
		shape_add(w->shape, &f, w->now);
		return;
	}
	/* what is shown is shown whole */
	if (e->m == NULL && (answer == ANSWER_UNKNOWN || (w->records && !f.whole))) {
		w->files[w->nfiles++].facts = f;
		return;
	}
	if (answer == ANSWER_UNKNOWN || (w->records && !f.known))
		return; /* it is being loaded, and nothing was known before */
	if (w->records)
		list(w, &f);
	if (w->action != NULL)
		act(w, e);
}

/* The next message; NULL with *end set after the last. */
static struct entry *next(struct walk *w, bool *end)
{
	while (w->at == w->n) {
		if (w->shard == SHARDS) {
			*end = true;
			return NULL;
		}
		w->n = entry_count(w->shard);
		w->at = 0;
		w->ids = xreallocarray(w->ids, w->n + 1, sizeof *w->ids);
		entry_ids(w->shard++, w->ids);
	}
	return entry_find(w->ids[w->at++]);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Whether what comes next may come: there is room in memory, and towards the tool. */
static bool room(const struct walk *w)
{
	if (w->conn->chan.out_bytes > OUT_HIGH)
		return false;
	/* an order is for all that there is, also for what a start has not come to yet */
	return w->action == NULL || (scan_complete() && !trash_full() && load_room() &&
					message_count(M_LOADING) < LOADING_MAX);
}

/* Some of them; false after the last. */
static bool slice(struct walk *w)
{
	uint64_t until = now_us() + SLICE_US;
	struct arena a;
	bool end = false;

	arena_init(&a);
	for (unsigned i = 1; !end && w->nfiles < WALK_FILES && room(w); i++) {
		struct entry *e = next(w, &end);

		if (e != NULL)
			visit(w, e, &a);
		arena_reset(&a);
		if (i % SLICE_LOOK == 0 && now_us() >= until)
			break;
	}
	arena_clear(&a);
	return !end;
}

static void step(void *arg)
{
	struct walk *w = arg;
	bool more = slice(w);

	load_pump();
	if (w->nfiles > 0) {
		w->task =
		    (struct task){ .run = run_files, .done = files_done, .sync_dir = POOL_NO_DIR };
		pool_submit(&w->task, POOL_WORK);
	} else if (more) {
		timer_set(&w->timer, room(w) ? 0 : WALK_WAIT_MS, step, w);
	} else {
		walk_end(w);
	}
}
