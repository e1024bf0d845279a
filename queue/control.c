/* The control socket. See control.h. */
#include "control.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/id.h"
#include "gather.h"
#include "load.h"
#include "mail/address.h"
#include "passon.h"
#include "proto/callers.h"
#include "proto/control.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "quirk.h"
#include "record.h"
#include "run.h"
#include "scan.h"
#include "space.h"
#include "spool.h"
#include "trash.h"
#include "walk.h"
#include "why.h"

enum {
	CONNECTIONS_MAX = 32,
	STRANGERS_MAX = 24, /* of these: the owner can always get in */
	NOTE_MAX = 256,
	SHAPE_ROWS_MAX = 1000,
	ORDER_LASTS = 3600, /* seconds */
};

static uid_t own_uid;
static struct watch watch;
static unsigned nconnections, nstrangers;

/* --- answers ---------------------------------------------------------------------------------- */

void control_end(struct connection *c, struct chan_ref ref, uint32_t status, const char *text)
{
	caller_end(&c->chan, ref, status, text);
}

bool control_refused(struct connection *c, struct chan_ref ref)
{
	if (!c->owner)
		control_end(c, ref, EX_NOPERM, "Only the owner of the mail system may do this");
	return !c->owner;
}

void control_record(struct connection *c, struct chan_ref ref, struct str json, int fd)
{
	struct put w = put_start();

	put_str(&w, json);
	chan_answer(&c->chan, ref, CONTROL_RECORD, &w, &fd, fd != -1 ? 1 : 0);
}

static void log_action(const struct queue_action *a, struct str where, struct str note)
{
	log_notice(
	    NULL, EV("queue-action"), KZ("action", a->name), KS("where", where), KS("note", note));
}

/* --- requests --------------------------------------------------------------------------------- */

/* Not an id. */
static bool is_query(struct str where)
{
	for (size_t i = 0; i < where.n; i++) {
		if (strchr("=~<>", where.p[i]) != NULL)
			return true;
	}
	return where.n == 0;
}

static int on_list(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str where = get_str(&g, CONTROL_TEXT_MAX);
	bool trash = get_bool(&g);
	struct walk *w;
	uint64_t id;

	if (get_end(&g) == -1 || c->walk != NULL)
		return -1;
	if (is_query(where))
		w = walk_new(c, ref, where);
	else
		w = walk_one(c, ref, id_parse(where, &id) == 0 ? id : 0);
	if (w != NULL) {
		w->records = true;
		w->trash = trash;
		walk_start(w);
	}
	return 0;
}

static int on_shape(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct get g = get_start(m->body);
	struct str where = get_str(&g, CONTROL_TEXT_MAX);
	bool by_sender = get_bool(&g);
	uint32_t rows = get_u32(&g);
	struct walk *w;

	if (get_end(&g) == -1 || c->walk != NULL)
		return -1;
	w = walk_new(c, (struct chan_ref){ m->id, m->gen }, where);
	if (w == NULL)
		return 0;
	w->shape = shape_new(by_sender);
	w->rows = rows < SHAPE_ROWS_MAX ? rows : SHAPE_ROWS_MAX;
	walk_start(w);
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
	record_summary(&b, scan_complete(), space_has_failed(), spool_lost());
	control_record(c, ref, buf_view(&b), -1);
	control_end(c, ref, EX_OK, "");
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
	control_record(w->c, w->ref, buf_view(&b), -1);
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
	if (control_refused(w.c, (struct chan_ref){ m->id, m->gen }))
		return 0;
	if (l != NULL)
		send_login(l, &w);
	else if (name.n == 0)
		logins_each(wall_seconds(), send_login, &w);
	control_end(w.c, w.ref, EX_OK, "");
	return 0;
}

static int open_file(const struct entry *e)
{
	return e->state == ENTRY_TRASH ? spool_open_trash(entry_id(e), e->trashed, O_RDONLY)
				       : spool_open_file(entry_id(e), 0, O_RDONLY);
}

/* A record each, before that of the message. */
static void show_transcripts(
    struct connection *c, struct chan_ref ref, int fd, const struct facts *f, struct arena *a)
{
	struct transcript all[TRANSCRIPTS];
	struct spool_layout l;
	const char *why;
	unsigned n;

	if (spool_check(fd, false, &l, &why) != SPOOL_GOOD)
		return;
	n = transcripts_read(fd, &l, a, all);
	for (unsigned i = 0; i < n; i++) {
		struct buf b;

		buf_init(&b, IPC_BODY_MAX);
		if (record_transcript(&b, f, &all[i]))
			control_record(c, ref, buf_view(&b), -1);
		buf_clear(&b);
	}
}

static void show(struct connection *c, struct chan_ref ref, const struct entry *e)
{
	int fd = open_file(e);
	struct facts f;
	struct arena a;
	struct buf b;
	int r;

	arena_init(&a);
	buf_init(&b, IPC_BODY_MAX);
	gather_head(e, &f);
	r = e->m != NULL ? gather_message(e->m, &a, UINT32_MAX, &f) : gather_file(&a, &f);
	if (r == 0)
		record_facts(&b, &f);
	if (fd == -1 || r == -1 || b.full) {
		control_end(
		    c, ref, EX_TEMPFAIL, "The message is not complete yet, or cannot be read");
	} else {
		show_transcripts(c, ref, fd, &f, &a);
		control_record(c, ref, buf_view(&b), fd);
		control_end(c, ref, EX_OK, "");
	}
	if (fd != -1)
		close(fd);
	buf_clear(&b);
	arena_clear(&a);
}

/* After a start the queue takes mail before it knows all that it has. */
static void end_unknown(struct connection *c, struct chan_ref ref)
{
	if (scan_complete())
		control_end(c, ref, EX_DATAERR, "No message has that id");
	else
		control_end(
		    c, ref, EX_TEMPFAIL, "The queue is still being read: no such id so far");
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
	if (control_refused(c, ref))
		return 0;
	e = id_parse(text, &id) == 0 ? entry_find(id) : NULL;
	if (e == NULL || e->state == ENTRY_INCOMING)
		end_unknown(c, ref);
	else
		show(c, ref, e);
	return 0;
}

static void act_on_one(struct connection *c, struct chan_ref ref, const struct queue_action *a,
    struct str text, const struct queue_order *o, bool dry)
{
	uint64_t id;
	struct entry *e = id_parse(text, &id) == 0 ? entry_find(id) : NULL;
	bool may = e != NULL && a->may(e);

	if (e == NULL) {
		end_unknown(c, ref);
		return;
	}
	if (may && !dry)
		a->fn(e, o);
	walk_end_action(c, ref, may);
	load_pump();
}

static void act_on_all(struct connection *c, struct chan_ref ref, const struct queue_action *a,
    struct str where, const struct queue_order *o, bool dry)
{
	/* the last order that put something into the trash */
	bool last = a->trash && str_eq(where, STR("LAST"));
	struct walk *w = walk_new(c, ref, last ? STR("state=trash") : where);

	if (w == NULL)
		return;
	w->only = last ? trash_last() : 0;
	w->trash = a->trash;
	w->order = *o;
	w->flush = a->revive && !dry;
	if (w->flush) {
		run_flush_begins();
		sched_revive(run_sched(), loop_now());
	}
	w->action = a;
	w->dry = w->records = dry;
	walk_start(w);
}

/* An order that is to lead elsewhere says where to, another does not. */
static bool where_to(
    const struct queue_action *a, struct str to, struct str nexthop, struct queue_order *o)
{
	struct address address;

	if (a->elsewhere != ((to.n > 0) != (nexthop.n > 0)))
		return false;
	if (to.n > 0 && address_parse(to, ADDRESS_UTF8, &address) != ADDRESS_OK)
		return false;
	return str_copy(to.n > 0 ? address.text : to, o->to, sizeof o->to) == 0 &&
	       str_copy(nexthop, o->nexthop, sizeof o->nexthop) == 0;
}

static int on_act(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str name = get_line(&g, CONTROL_TEXT_MAX), where = get_line(&g, CONTROL_TEXT_MAX);
	struct str note = get_line(&g, NOTE_MAX);
	struct queue_order o = { .when = get_i64(&g) };
	struct str to = get_line(&g, ADDRESS_MAX), nexthop = get_line(&g, NEXTHOP_MAX);
	bool dry = get_bool(&g);
	const struct queue_action *a = act_find(name);

	if (get_end(&g) == -1 || c->walk != NULL)
		return -1;
	if (control_refused(c, ref))
		return 0;
	if (a == NULL) {
		control_end(c, ref, EX_USAGE, "There is no such action");
		return 0;
	}
	if (!where_to(a, to, nexthop, &o)) {
		control_end(
		    c, ref, EX_USAGE, "It must be said where to: an address, or a next hop");
		return 0;
	}
	if (!dry)
		log_action(a, where, note);
	/* the tool says when it began: what it asks for in several requests is one order */
	if (o.when > wall_seconds() || o.when < wall_seconds() - ORDER_LASTS)
		o.when = wall_seconds();
	if (str_eq(where, STR("ALL")))
		act_on_all(c, ref, a, STR_NONE, &o, dry);
	else if (str_eq(where, STR("LAST")) || (where.n > 0 && is_query(where)))
		act_on_all(c, ref, a, where, &o, dry);
	else
		act_on_one(c, ref, a, where, &o, dry);
	return 0;
}

static int on_ask(struct chan *chan, struct ipc_msg *m)
{
	struct chan_ref ref = { m->id, m->gen };

	return control_refused((struct connection *)chan, ref) ? 0 : passon_question(chan, m);
}

static const struct chan_row rows[] = {
	{ QUEUE_CTL_ASK, 0, on_ask },
	{ QUEUE_CTL_LIST, 0, on_list },
	{ QUEUE_CTL_LOGINS, 0, on_logins },
	{ QUEUE_CTL_SHAPE, 0, on_shape },
	{ QUEUE_CTL_SUMMARY, 0, on_summary },
	{ QUEUE_CTL_SHOW, 0, on_show },
	{ QUEUE_CTL_ACT, 0, on_act },
	{ QUEUE_CTL_WHY, 0, why_on_why },
	{ QUEUE_CTL_SUSPEND, 0, why_on_suspend },
	{ QUEUE_CTL_RESUME, 0, why_on_resume },
	{ QUEUE_CTL_SUSPENDED, 0, why_on_suspended },
	{ QUEUE_CTL_SOURCES, 0, why_on_sources },
	{ QUEUE_CTL_QUIRKS, 0, quirk_on_list },
	{ QUEUE_CTL_QUIRK, 0, quirk_on_set },
	{ 0 },
};

/* --- connections ------------------------------------------------------------------------------ */

static void down(struct chan *chan)
{
	struct connection *c = (struct connection *)chan;

	passon_forget(chan);
	if (c->walk != NULL)
		walk_leave(c->walk);
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
		callers_refuse(&fd, CALLER_ONE_TOO_MANY);
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
