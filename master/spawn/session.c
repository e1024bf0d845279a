/*
 * The sessions. For them spawn is what master is for the others: it starts imapd-session, tells it
 * by boot messages whom it serves, and hears of its end. A session becomes its user itself, in its
 * first steps and before it reads what the client says (proto/proc.c); what it becomes stands in
 * the boot message alone.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/types.h"
#include "spawn.h"

enum {
	READY_MAX = 20000, /* ms from the start to BOOT_READY */
	REVOKED_MAX =
	    10000, /* ms that a session has which is told to end: for what it is writing */
};

struct session {
	struct source control; /* first */
	int pid;
	struct tag tag;
	uint64_t started;
	bool ready;
	bool answered; /* login has been told */
	uint64_t revoked; /* when; 0 = it may stay */
	unsigned instance; /* of login, and its request */
	uint32_t id, gen;
	uint32_t uid;
	char address[LOGIN_MAX + 1], home[HOME_MAX + 1];
	LIST_ENTRY(session) next;
};

static LIST_HEAD(, session) sessions = LIST_HEAD_INITIALIZER(sessions);
static unsigned nsessions, nstarting, nrevoked; /* in all; not ready yet; told to end */

unsigned sessions_count(void)
{
	return nsessions;
}

static void answer(struct session *s, const struct status *st)
{
	struct peer *login = peer_find_nth(ROLE_LOGIN, s->instance);

	if (!s->answered && login != NULL)
		peer_answer(login, SPAWN_HANDOVER, s->id, s->gen, st);
	s->answered = true;
}

static void session_end(struct session *s)
{
	source_close(&s->control);
	LIST_REMOVE(s, next);
	nsessions--;
	nstarting -= !s->ready;
	nrevoked -= s->revoked != 0;
	free(s);
}

/* --- what a session says --------------------------------------------------------------------- */

static void on_fatal(struct session *s, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str event = get_line(&g, LOG_EVENT_MAX), why = get_line(&g, BOOT_TEXT_MAX);

	if (get_end(&g) == 0)
		log_error(&s->tag, EV("session-failed"), KZ("login", s->address), KS("step", event),
		    KS("why", why));
}

static void on_control(struct source *source)
{
	struct session *s = (struct session *)source;
	static uint8_t space[IPC_PACKET_MAX];
	struct status st;
	struct ipc_msg m;
	int r = ipc_recv(source->fd, &m, space);

	if (r == -1 && errno == EAGAIN)
		return;
	if (r != 1) {
		source_close(source); /* its death is seen by sessions_reap() */
		return;
	}
	if (m.type == BOOT_READY && !s->ready) {
		s->ready = true;
		nstarting--;
		status_set(&st, 250, "2.0.0", "started");
		answer(s, &st);
	} else if (m.type == BOOT_FATAL) {
		on_fatal(s, &m);
		source_close(
		    source); /* these were its last words: nobody fills the log with more */
	}
	ipc_close_fds(&m);
}

/* --- start ----------------------------------------------------------------------------------- */

static int send_session(struct peer *p, const struct session *s, int fd)
{
	struct put w = put_start();
	struct ipc_msg m = { .nfds = 1, .fds = { fd } };

	if (p->role == ROLE_NOTIFY) {
		m.type = NOTIFY_SESSION;
		put_z(&w, s->address);
		put_z(&w, s->home);
		put_u32(&w, (uint32_t)s->pid);
		put_u64(&w, s->tag.trace);
	} else {
		m.type = LOG_SESSION;
		put_u32(&w, (uint32_t)s->pid);
		put_u32(&w, s->uid);
	}
	m.body = put_view(&w);
	return ipc_send(p->source.fd, &m);
}

/* Gives the session and that peer the two ends of a new channel. */
static void connect_session(struct session *s, enum role role)
{
	struct peer *p = peer_find(role);
	int ends[2];

	if (p == NULL || s->control.fd == -1)
		return; /* sessions_connect() comes when it is back */
	if (ipc_pair(ends) == -1) {
		log_error(&s->tag, EV("pair-failed"), KERRNO);
		return;
	}
	if (boot_peer(s->control.fd, role, 0, ends[0]) == -1 || send_session(p, s, ends[1]) == -1)
		log_error(
		    &s->tag, EV("session-not-connected"), KZ("peer", role_name(role)), KERRNO);
	close(ends[0]);
	close(ends[1]);
}

void sessions_connect(enum role role)
{
	struct session *s;

	LIST_FOREACH (s, &sessions, next)
		connect_session(s, role);
}

/* Everything up to BOOT_GO. */
static int boot_session(struct session *s, const struct pair *p, int home_fd)
{
	static uint8_t space[BOOT_EXTRA_MAX];
	const struct handover *h = &p->arrival.handover;
	struct session_start start = { .trace = h->trace,
		.account = p->grant.account,
		.client = h->client,
		.tag = h->tag,
		.input = h->input,
		.secure = h->secure };
	struct put extra = put_into(space, sizeof space);
	struct boot b = { .role = ROLE_SESSION, .privilege = spawn.row.privilege };
	int control = s->control.fd;

	put_session_start(&extra, &start);
	if (extra.bad) {
		errno = EMSGSIZE;
		return -1;
	}
	b.extra = put_view(&extra);
	b.privilege.uid = start.account.uid;
	b.privilege.gid = start.account.gid;
	if (boot_begin(control, &b, spawn.conf_fd, spawn.owners.root ? home_fd : -1) == -1 ||
	    boot_fd(control, "home", ".", DIR_READ | DIR_WRITE, home_fd) == -1 ||
	    boot_fd(control, "client", "", 0, p->arrival.fd) == -1)
		return -1;
	connect_session(s, ROLE_LOG);
	connect_session(s, ROLE_NOTIFY);
	return boot_note(control, BOOT_GO);
}

static struct session *session_new(const struct pair *p)
{
	struct session *s = xcalloc(1, sizeof *s);

	str_copy(p->grant.account.address, s->address, sizeof s->address);
	str_copy(p->grant.account.home, s->home, sizeof s->home);
	s->tag.trace = p->grant.trace;
	s->uid = p->grant.account.uid;
	s->instance = p->arrival.instance;
	s->id = p->arrival.id;
	s->gen = p->arrival.gen;
	s->started = now_ms();
	s->control = (struct source){ .fd = -1, .ready = on_control };
	LIST_INSERT_HEAD(&sessions, s, next);
	nsessions++;
	nstarting++;
	return s;
}

static unsigned count_of(struct str home)
{
	const struct session *s;
	unsigned n = 0;

	LIST_FOREACH (s, &sessions, next)
		n += str_eq(str_of(s->home), home);
	return n;
}

int session_start(const struct pair *p, struct status *st)
{
	const struct account *a = &p->grant.account;
	char program[BOOT_PATH_MAX + 1];
	struct session *s;
	int home_fd;

	if (spawn.draining)
		return status_set(st, 451, "4.3.2", "the service is ending");
	if (nsessions >= spawn.row.sessions_max || count_of(a->home) >= spawn.row.per_account_max)
		return status_set(st, 452, "4.7.0", "too many sessions");
	if (!owner_valid(&spawn.owners, a->uid, a->gid))
		return status_set(st, 451, "4.3.5", "uid %u may not own a mailbox", a->uid);
	home_fd = home_open(spawn.mail_fd, a->home, a->uid);
	if (home_fd == -1)
		return status_set(
		    st, 451, "4.3.0", "home %.*s: %s", STR_ARG(a->home), strerror(errno));
	s = session_new(p);
	str_copy(spawn.row.program, program, sizeof program);
	s->pid = boot_spawn(program, role_name(ROLE_SESSION), &s->control.fd);
	if (s->pid == -1 || source_add(&s->control) == -1 || boot_session(s, p, home_fd) == -1) {
		status_set(st, 451, "4.3.0", "cannot start a session: %s", strerror(errno));
		close(home_fd);
		s->answered = true;
		if (s->pid == -1)
			session_end(s);
		else
			kill(s->pid, SIGKILL);
		return -1;
	}
	close(home_fd);
	return 0;
}

/* --- end ------------------------------------------------------------------------------------- */

void sessions_forget(unsigned login_instance)
{
	struct session *s;

	LIST_FOREACH (s, &sessions, next)
		if (s->instance == login_instance)
			s->answered = true;
}

bool sessions_watched(void)
{
	return nstarting > 0 || nrevoked > 0;
}

void sessions_expire(void)
{
	struct session *s;

	LIST_FOREACH (s, &sessions, next)
		if ((!s->ready && now_ms() - s->started > READY_MAX) ||
		    (s->revoked != 0 && now_ms() - s->revoked > REVOKED_MAX))
			kill(s->pid, SIGKILL);
}

static void session_died(struct session *s, const siginfo_t *si)
{
	bool well = si->si_code == CLD_EXITED && si->si_status == 0;
	struct status st;

	if (!well)
		log_error(&s->tag, EV("session-died"), KZ("login", s->address), KI("pid", s->pid),
		    KZ("by", si->si_code == CLD_EXITED ? "exit" : "signal"),
		    KI("code", si->si_status));
	status_set(&st, 451, "4.3.0", "the session could not start");
	answer(s, &st);
	session_end(s);
}

void sessions_reap(void)
{
	siginfo_t si = { 0 };

	while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG) == 0 && si.si_pid != 0) {
		struct session *s;

		LIST_FOREACH (s, &sessions, next)
			if (s->pid == si.si_pid)
				break;
		if (s != NULL) {
			if (s->control.fd != -1)
				on_control(&s->control); /* its last word */
			session_died(s, &si);
		}
		si.si_pid = 0;
	}
}

static void session_drain(const struct session *s)
{
	if (s->control.fd == -1 || boot_note(s->control.fd, BOOT_DRAIN) == -1)
		kill(s->pid, SIGTERM);
}

void sessions_drain(void)
{
	struct session *s;

	LIST_FOREACH (s, &sessions, next)
		session_drain(s);
}

void sessions_end(struct str home)
{
	struct session *s;

	LIST_FOREACH (s, &sessions, next)
		if (str_eq(str_of(s->home), home)) {
			log_info(&s->tag, EV("session-revoked"), KZ("login", s->address),
			    KI("pid", s->pid));
			nrevoked += s->revoked == 0;
			s->revoked = s->revoked == 0 ? now_ms() : s->revoked;
			session_drain(s);
		}
}
