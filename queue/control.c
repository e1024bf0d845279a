/* The control socket. See control.h. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/id.h"
#include "load.h"
#include "passon.h"
#include "proto/control.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "record.h"
#include "run.h"
#include "settings.h"
#include "space.h"
#include "spool.h"

enum {
	CONNECTIONS_MAX = 32,
	STRANGERS_MAX = 24, /* of these: the owner can always get in */
	BATCH = 64, /* messages per step of a walk */
	OUT_HIGH = 1024 * 1024, /* bytes waiting for the tool before the walk waits, too */
	WALK_WAIT_MS = 5,
	BATCH_BYTES = 8 * 1024 * 1024, /* records of one batch */
	NOTE_MAX = 256,
};

/* What an administrator may do to a message; fn says whether there was something to do. */
struct queue_action {
	const char *name;
	bool (*fn)(struct entry *e);
};

/*
 * A request that goes over many messages, some at a time, so that nothing else waits: the listing,
 * or an action on all. Outlives its connection while a thread still works for it.
 */
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
	struct record_head heads[BATCH];
	unsigned nheads;
	struct buf records; /* {u32 length, bytes} each */
	struct timer timer;
};

struct connection {
	struct chan chan;
	bool owner;
	struct walk *walk;
};

static uid_t own_uid;
static struct watch watch;
static unsigned nconnections, nstrangers;

/* --- answers ------------------------------------------------------------------------------------
 */

static void end(struct connection *c, struct chan_ref ref, uint32_t status, const char *text)
{
	struct put w = put_start();

	put_u32(&w, status);
	put_z(&w, text);
	chan_answer(&c->chan, ref, CONTROL_END, &w, NULL, 0);
}

static void send_record(struct connection *c, struct chan_ref ref, struct str json, int fd)
{
	struct put w = put_start();

	put_str(&w, json);
	chan_answer(&c->chan, ref, CONTROL_RECORD, &w, &fd, fd != -1 ? 1 : 0);
}

/* Only the owner of the suite may; says so to others. */
static bool refused(struct connection *c, const struct ipc_msg *m)
{
	if (c->owner)
		return false;
	end(c, (struct chan_ref){ m->id, m->gen }, EX_NOPERM,
	    "Only the owner of the mail system may do this");
	return true;
}

/* --- walks --------------------------------------------------------------------------------------
 */

static void walk_step(void *arg);

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

static void walk_free(struct walk *w)
{
	timer_clear(&w->timer);
	if (w->conn != NULL)
		w->conn->walk = NULL;
	free(w->ids);
	buf_clear(&w->records);
	free(w);
}

/* How many messages an action was done to. */
static void end_action(struct connection *c, struct chan_ref ref, uint64_t count)
{
	char json[64];

	snprintf(json, sizeof json, "{\"count\": %llu}", (unsigned long long)count);
	send_record(c, ref, str_of(json), -1);
	end(c, ref, EX_OK, "");
}

static void walk_end(struct walk *w)
{
	if (w->action != NULL)
		end_action(w->conn, w->ref, w->done);
	else
		end(w->conn, w->ref, EX_OK, "");
	walk_free(w);
}

static struct walk *walk_empty(struct connection *c, const struct ipc_msg *m)
{
	struct walk *w = xcalloc(1, sizeof *w);

	w->conn = c;
	w->ref = (struct chan_ref){ m->id, m->gen };
	c->walk = w;
	buf_init(&w->records, BATCH_BYTES);
	return w;
}

/* Over all messages that there are now. */
static struct walk *walk_new(struct connection *c, const struct ipc_msg *m)
{
	struct walk *w = walk_empty(c, m);

	entry_each(collect_id, w);
	return w;
}

/* --- list ---------------------------------------------------------------------------------------
 */

static struct record_head head_of(const struct entry *e)
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
		send_record(w->conn, w->ref, str_bytes(w->records.p + at + sizeof n, n), -1);
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
	struct record_head h = head_of(e);

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
	for (unsigned i = 0; i < BATCH && w->at < w->n; i++) {
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

/* --- actions ------------------------------------------------------------------------------------
 */

/* What needs the message in memory. */
static bool wish(struct entry *e, unsigned wishes)
{
	if (e->state == ENTRY_INCOMING)
		return false;
	if (e->m != NULL)
		run_wish(e->m, wishes);
	else
		load_for(e, wishes);
	return true;
}

static bool act_hold(struct entry *e)
{
	return e->state != ENTRY_HELD && wish(e, WISH_HOLD);
}

static bool act_release(struct entry *e)
{
	if (e->scheduled)
		return wish(e, WISH_RELEASE);
	if (e->state != ENTRY_HELD)
		return false;
	load_now(e);
	return true;
}

static bool act_requeue(struct entry *e)
{
	if (e->state == ENTRY_HELD || e->state == ENTRY_DEFERRED)
		load_now(e);
	else if (e->m != NULL)
		return wish(e, WISH_REQUEUE);
	return true;
}

static bool act_delete(struct entry *e)
{
	return wish(e, WISH_DELETE);
}

static bool act_expire(struct entry *e)
{
	return wish(e, WISH_EXPIRE);
}

static bool act_flush(struct entry *e)
{
	if (e->state != ENTRY_DEFERRED)
		return false;
	load_now(e);
	return true;
}

static const struct queue_action actions[] = {
	{ "hold", act_hold },
	{ "release", act_release },
	{ "requeue", act_requeue },
	{ "delete", act_delete },
	{ "expire", act_expire },
	{ "flush", act_flush },
};

static const struct queue_action *find_action(struct str name)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (str_eq(name, str_of(actions[i].name)))
			return &actions[i];
	}
	return NULL;
}

static void act_step(struct walk *w)
{
	for (unsigned i = 0; i < BATCH && w->at < w->n; i++) {
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

static void walk_step(void *arg)
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

static void log_action(const struct queue_action *a, struct str id, struct str note)
{
	log_notice(NULL, EV("queue-action"), KZ("action", a->name), KS("id", id), KS("note", note));
}

/* --- requests -----------------------------------------------------------------------------------
 */

/* What a walk is about: "login=NAME", "@DOMAIN" (a site, of actions), or part of an address. */
static void match(struct walk *w, struct str where)
{
	static const struct str login = STR("login=");

	if (str_starts(where, login)) {
		w->match.by = MATCH_LOGIN;
		where = str_skip(where, login.n);
	} else if (w->action != NULL) {
		w->match.by = MATCH_SITE;
		where = str_skip(where, 1);
	}
	if (str_copy(where, w->match.text, sizeof w->match.text) == -1)
		w->n = 0; /* nobody has a name that long */
}

static int on_list(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct get g = get_start(m->body);
	struct str where;
	struct walk *w;
	uint64_t id;

	where = get_str(&g, CONTROL_TEXT_MAX);
	if (get_end(&g) == -1 || c->walk != NULL)
		return -1;
	/* a queue id, or part of an address */
	if (id_parse(where, &id) == 0 && entry_find(id) != NULL) {
		w = walk_empty(c, m);
		w->ids = xcalloc(1, sizeof *w->ids);
		w->ids[w->n++] = id;
	} else {
		w = walk_new(c, m);
		match(w, where);
	}
	walk_step(w);
	return 0;
}

static int on_summary(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct buf b;

	if (m->body.n != 0)
		return -1;
	buf_init(&b, IPC_BODY_MAX);
	record_summary(&b, load_complete(), space_has_failed());
	send_record(c, ref, buf_view(&b), -1);
	end(c, ref, EX_OK, "");
	buf_clear(&b);
	return 0;
}

struct logins_walk {
	struct connection *c;
	struct chan_ref ref;
};

static void send_login(const struct login *l, void *arg)
{
	struct logins_walk *w = arg;
	struct buf b;

	buf_init(&b, IPC_BODY_MAX);
	record_login(&b, l);
	send_record(w->c, w->ref, buf_view(&b), -1);
	buf_clear(&b);
}

/* "" = all */
static int on_logins(struct chan *chan, struct ipc_msg *m)
{
	struct logins_walk w = { (struct connection *)chan, { m->id, m->gen } };
	struct get g = get_start(m->body);
	struct str name = get_line(&g, CONTROL_TEXT_MAX);
	const struct login *l = name.n > 0 ? logins_find(name) : NULL;

	if (get_end(&g) == -1)
		return -1;
	if (refused(w.c, m))
		return 0;
	if (l != NULL)
		send_login(l, &w);
	else if (name.n == 0)
		logins_each(wall_seconds(), send_login, &w);
	end(w.c, w.ref, EX_OK, "");
	return 0;
}

static void show(struct connection *c, struct chan_ref ref, const struct entry *e)
{
	struct record_head h = head_of(e);
	int fd = spool_open_file(e->id, 0, O_RDONLY);
	struct buf b;
	int r;

	buf_init(&b, IPC_BODY_MAX);
	r = e->m != NULL ? record_message(&b, &h, e->m, NULL) : record_file(&b, &h, NULL);
	if (fd == -1 || r == -1) {
		end(c, ref, EX_TEMPFAIL, "The message is not complete yet, or cannot be read");
	} else {
		send_record(c, ref, buf_view(&b), fd);
		end(c, ref, EX_OK, "");
	}
	if (fd != -1)
		close(fd);
	buf_clear(&b);
}

/* After a start the queue takes mail before it knows all that it has. */
static void end_unknown(struct connection *c, struct chan_ref ref)
{
	if (load_complete())
		end(c, ref, EX_DATAERR, "No message has that id");
	else
		end(c, ref, EX_TEMPFAIL, "The queue is still being read: no such id so far");
}

static int on_show(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str text = get_str(&g, CONTROL_TEXT_MAX);
	struct entry *e;
	uint64_t id;

	if (get_end(&g) == -1)
		return -1;
	if (refused(c, m))
		return 0;
	e = id_parse(text, &id) == 0 ? entry_find(id) : NULL;
	if (e == NULL || e->state == ENTRY_INCOMING)
		end_unknown(c, ref);
	else
		show(c, ref, e);
	return 0;
}

static void act_on_one(
    struct connection *c, struct chan_ref ref, const struct queue_action *a, struct str text)
{
	uint64_t id;
	struct entry *e = id_parse(text, &id) == 0 ? entry_find(id) : NULL;

	if (e == NULL) {
		end_unknown(c, ref);
		return;
	}
	end_action(c, ref, a->fn(e));
	load_pump();
}

static int on_act(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str name = get_line(&g, CONTROL_TEXT_MAX), id = get_line(&g, CONTROL_TEXT_MAX);
	struct str note = get_line(&g, NOTE_MAX);
	const struct queue_action *a = find_action(name);
	bool some;

	if (get_end(&g) == -1 || c->walk != NULL)
		return -1;
	if (refused(c, m))
		return 0;
	if (a == NULL) {
		end(c, ref, EX_USAGE, "There is no such action");
		return 0;
	}
	log_action(a, id, note);
	some = str_starts(id, STR("login=")) || (a->fn == act_flush && str_starts(id, STR("@")));
	if (!some && !str_eq(id, STR("ALL"))) {
		act_on_one(c, ref, a, id);
		return 0;
	}
	if (a->fn == act_flush)
		sched_revive(run_sched());
	walk_new(c, m)->action = a;
	if (some) {
		c->walk->silent = true;
		match(c->walk, id);
	}
	walk_step(c->walk);
	return 0;
}

static int on_ask(struct chan *chan, struct ipc_msg *m)
{
	return refused((struct connection *)chan, m) ? 0 : passon_question(chan, m);
}

static const struct chan_row rows[] = {
	{ QUEUE_CTL_ASK, 0, on_ask },
	{ QUEUE_CTL_LIST, 0, on_list },
	{ QUEUE_CTL_LOGINS, 0, on_logins },
	{ QUEUE_CTL_SUMMARY, 0, on_summary },
	{ QUEUE_CTL_SHOW, 0, on_show },
	{ QUEUE_CTL_ACT, 0, on_act },
	{ 0 },
};

/* --- connections --------------------------------------------------------------------------------
 */

static void down(struct chan *chan)
{
	struct connection *c = (struct connection *)chan;
	struct walk *w = c->walk;

	passon_forget(chan);
	if (w != NULL) {
		w->conn = NULL;
		/* a thread that works for it ends it */
		if (w->nheads == 0)
			walk_free(w);
	}
	nconnections--;
	nstrangers -= !c->owner;
	free(c);
}

void control_attach(int *fd, bool owner)
{
	struct connection *c = xcalloc(1, sizeof *c);

	c->owner = owner;
	c->chan.role = ROLE_TOOL;
	nconnections++;
	nstrangers += !owner;
	chan_init(&c->chan, fd, rows, down);
}

static void on_connection(void *arg, unsigned what)
{
	int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t n = sizeof peer;
	bool owner;

	(void)what;
	if (fd == -1)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == -1) {
		close(fd);
		return;
	}
	owner = peer.uid == 0 || (!proc_is_root() && peer.uid == own_uid);
	if (nconnections >= CONNECTIONS_MAX || (!owner && nstrangers >= STRANGERS_MAX)) {
		close(fd);
		return;
	}
	control_attach(&fd, owner);
}

void control_init(void)
{
	own_uid = geteuid();
}

void control_start(void)
{
	static int listener;

	listener = proc_fd("socket.queue");
	if (listener != -1)
		watch_set(&watch, listener, WATCH_READ, on_connection, &listener);
}
