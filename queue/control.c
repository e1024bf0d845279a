/* The control socket. See control.h. */
#include "control.h"

#include <fcntl.h>
#include <stdlib.h>
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
#include "run.h"
#include "space.h"
#include "spool.h"
#include "walk.h"

enum {
	CONNECTIONS_MAX = 32,
	STRANGERS_MAX = 24, /* of these: the owner can always get in */
	NOTE_MAX = 256,
};

static uid_t own_uid;
static struct watch watch;
static unsigned nconnections, nstrangers;

/* --- answers ---------------------------------------------------------------------------------- */

void control_end(struct connection *c, struct chan_ref ref, uint32_t status, const char *text)
{
	struct put w = put_start();

	put_u32(&w, status);
	put_z(&w, text);
	chan_answer(&c->chan, ref, CONTROL_END, &w, NULL, 0);
}

void control_record(struct connection *c, struct chan_ref ref, struct str json, int fd)
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
	control_end(c, (struct chan_ref){ m->id, m->gen }, EX_NOPERM,
	    "Only the owner of the mail system may do this");
	return true;
}

static void log_action(const struct queue_action *a, struct str id, struct str note)
{
	log_notice(NULL, EV("queue-action"), KZ("action", a->name), KS("id", id), KS("note", note));
}

/* --- requests --------------------------------------------------------------------------------- */

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
	if (refused(w.c, m))
		return 0;
	if (l != NULL)
		send_login(l, &w);
	else if (name.n == 0)
		logins_each(wall_seconds(), send_login, &w);
	control_end(w.c, w.ref, EX_OK, "");
	return 0;
}

static void show(struct connection *c, struct chan_ref ref, const struct entry *e)
{
	struct record_head h = walk_head(e);
	int fd = spool_open_file(e->id, 0, O_RDONLY);
	struct buf b;
	int r;

	buf_init(&b, IPC_BODY_MAX);
	r = e->m != NULL ? record_message(&b, &h, e->m, NULL) : record_file(&b, &h, NULL);
	if (fd == -1 || r == -1) {
		control_end(
		    c, ref, EX_TEMPFAIL, "The message is not complete yet, or cannot be read");
	} else {
		control_record(c, ref, buf_view(&b), fd);
		control_end(c, ref, EX_OK, "");
	}
	if (fd != -1)
		close(fd);
	buf_clear(&b);
}

/* After a start the queue takes mail before it knows all that it has. */
static void end_unknown(struct connection *c, struct chan_ref ref)
{
	if (load_complete())
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
	walk_end_action(c, ref, a->fn(e));
	load_pump();
}

static int on_act(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str name = get_line(&g, CONTROL_TEXT_MAX), id = get_line(&g, CONTROL_TEXT_MAX);
	struct str note = get_line(&g, NOTE_MAX);
	const struct queue_action *a = act_find(name);
	bool some;

	if (get_end(&g) == -1 || c->walk != NULL)
		return -1;
	if (refused(c, m))
		return 0;
	if (a == NULL) {
		control_end(c, ref, EX_USAGE, "There is no such action");
		return 0;
	}
	log_action(a, id, note);
	some = str_starts(id, STR("login=")) || (a->flush && str_starts(id, STR("@")));
	if (!some && !str_eq(id, STR("ALL"))) {
		act_on_one(c, ref, a, id);
		return 0;
	}
	if (a->flush)
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

/* --- connections ------------------------------------------------------------------------------ */

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
