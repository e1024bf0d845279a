/* Requests over many messages. See walk.h. */
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/alloc.h"
#include "load.h"
#include "settings.h"

enum {
	OUT_HIGH = 1024 * 1024, /* bytes waiting for the tool before the walk waits, too */
	WALK_WAIT_MS = 5,
	BATCH_BYTES = 8 * 1024 * 1024, /* records of one batch */
};

static bool collect_id(struct entry *e, void *arg)
{
	struct walk *w = arg;

	if (w->n == w->cap) {
		w->cap = w->cap == 0 ? 1024 : w->cap * 2;
		w->ids = xreallocarray(w->ids, w->cap, sizeof *w->ids);
	}
	w->ids[w->n++] = e->id;
	return true;
}

void walk_free(struct walk *w)
{
	timer_clear(&w->timer);
	if (w->conn != NULL)
		w->conn->walk = NULL;
	free(w->ids);
	buf_clear(&w->records);
	free(w);
}

void walk_end_action(struct connection *c, struct chan_ref ref, uint64_t count)
{
	char json[64];

	snprintf(json, sizeof json, "{\"count\": %llu}", (unsigned long long)count);
	control_record(c, ref, str_of(json), -1);
	control_end(c, ref, EX_OK, "");
}

static void walk_end(struct walk *w)
{
	if (w->action != NULL)
		walk_end_action(w->conn, w->ref, w->done);
	else
		control_end(w->conn, w->ref, EX_OK, "");
	walk_free(w);
}

struct walk *walk_empty(struct connection *c, const struct ipc_msg *m)
{
	struct walk *w = xcalloc(1, sizeof *w);

	w->conn = c;
	w->ref = (struct chan_ref){ m->id, m->gen };
	c->walk = w;
	buf_init(&w->records, BATCH_BYTES);
	return w;
}

/* Over all messages that there are now. */
struct walk *walk_new(struct connection *c, const struct ipc_msg *m)
{
	struct walk *w = walk_empty(c, m);

	entry_each(collect_id, w);
	return w;
}

/* --- list ------------------------------------------------------------------------------------- */

struct record_head walk_head(const struct entry *e)
{
	struct record_head h = { .id = e->id, .state = e->state };

	if (e->state == ENTRY_DEFERRED)
		h.next = wall_seconds() + (int64_t)e->node.due - (int64_t)(loop_now() / 1000);
	return h;
}

static void keep_record(struct buf *out, struct buf *one)
{
	uint32_t n = (uint32_t)one->n;

	if (out->n + sizeof n + n <= out->max) {
		buf_put(out, &n, sizeof n);
		buf_put(out, one->p, n);
	}
	buf_reset(one);
}

/* In a thread: those that are not in memory. */
static int run_records(struct task *t)
{
	struct walk *w = (struct walk *)t;
	struct buf one;

	buf_init(&one, IPC_BODY_MAX);
	for (unsigned i = 0; i < w->nheads; i++) {
		buf_reset(&one);
		w->heads[i].wanted = record_file(&one, &w->heads[i], &w->match) == 1;
		if (w->heads[i].wanted && !w->silent)
			keep_record(&w->records, &one);
	}
	buf_clear(&one);
	return 0;
}

static void send_records(struct walk *w)
{
	size_t at = 0;

	while (at < w->records.n) {
		uint32_t n;

		memcpy(&n, w->records.p + at, sizeof n);
		control_record(w->conn, w->ref, str_bytes(w->records.p + at + sizeof n, n), -1);
		at += sizeof n + n;
	}
	buf_reset(&w->records);
}

static void records_done(struct task *t, int error)
{
	struct walk *w = (struct walk *)t;

	(void)error;
	for (unsigned i = 0; i < w->nheads; i++) {
		struct entry *e = entry_find(w->heads[i].id);

		if (w->silent && w->heads[i].wanted && e != NULL)
			w->done += w->action->fn(e);
	}
	w->nheads = 0;
	if (w->conn == NULL) {
		walk_free(w);
		return;
	}
	load_pump();
	send_records(w);
	walk_step(w);
}

/* One in memory that matches. */
static void listed(struct walk *w, struct entry *e, struct buf *one)
{
	if (w->silent)
		w->done += w->action->fn(e);
	else
		keep_record(&w->records, one);
}

static void list_one(struct walk *w, struct entry *e, struct buf *one)
{
	struct record_head h = walk_head(e);

	if (e->m == NULL)
		w->heads[w->nheads++] = h;
	else if (record_message(one, &h, e->m, &w->match) == 1)
		listed(w, e, one);
	buf_reset(one);
}

static void list_step(struct walk *w)
{
	struct buf one;

	buf_init(&one, IPC_BODY_MAX);
	for (unsigned i = 0; i < WALK_BATCH && w->at < w->n; i++) {
		struct entry *e = entry_find(w->ids[w->at++]);

		if (e != NULL)
			list_one(w, e, &one);
	}
	buf_clear(&one);
	if (w->nheads > 0) {
		w->task = (struct task){
			.run = run_records, .done = records_done, .sync_dir = POOL_NO_DIR
		};
		pool_submit(&w->task, POOL_WORK);
		return;
	}
	send_records(w);
	timer_set(&w->timer, 0, walk_step, w);
}

static void act_step(struct walk *w)
{
	for (unsigned i = 0; i < WALK_BATCH && w->at < w->n; i++) {
		struct entry *e;

		if (!load_room() || message_count(M_LOADING) >= LOADING_MAX)
			break;
		e = entry_find(w->ids[w->at++]);
		if (e != NULL)
			w->done += w->action->fn(e);
	}
	load_pump();
	timer_set(&w->timer, load_room() ? 0 : WALK_WAIT_MS, walk_step, w);
}

void walk_step(void *arg)
{
	struct walk *w = arg;

	if (w->at == w->n && w->nheads == 0)
		walk_end(w);
	else if (w->conn->chan.out_bytes > OUT_HIGH)
		timer_set(&w->timer, WALK_WAIT_MS, walk_step, w);
	else if (w->action != NULL && !w->silent)
		act_step(w);
	else
		list_step(w);
}
