/* The processes that master runs. See child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/boot.h"
#include "proto/root_types.h"

enum {
	BACKOFF_FIRST = 50, /* ms; doubled at each death in a row */
	BACKOFF_MAX = 30 * 1000,
	LIVED_WELL = 60 * 1000, /* ms after which an earlier death is forgotten */
	READ_BURST = 32, /* messages per wake-up: who never stops talking keeps nobody waiting */
};

const char *child_state_name(enum child_state state)
{
	static const char *const names[] = { "waiting", "booting", "ready", "draining" };

	return names[state];
}

static void log_child(
    enum log_level level, const char *event, const struct child *c, const char *text)
{
	log_event(level, NULL, event,
	    LOG_KVS(KZ("process", role_name(c->row->role)), KI("instance", c->instance),
		KI("pid", c->pid), KZ("text", text)));
}

static void child_add(struct suite *s, const struct process *row, bool candidate)
{
	struct child *c = xcalloc(1, sizeof *c);

	c->row = row;
	c->instance = s->next_instance[row->role]++;
	c->generation = s->generation;
	c->candidate = candidate;
	c->control = -1;
	TAILQ_INSERT_TAIL(&s->children, c, next);
}

void children_plan(struct suite *s)
{
	for (size_t i = 0; i < nprocesses; i++)
		children_replace(s, &processes[i], false);
}

void children_replace(struct suite *s, const struct process *row, bool candidate)
{
	for (unsigned n = s->plan->roles[row->role].count; n > 0; n--)
		child_add(s, row, candidate);
}

/* --- boot ------------------------------------------------------------------------------------- */

static struct privilege row_privilege(const struct suite *s, const struct process *row)
{
	/* a session becomes its mailbox's uid */
	bool own_uid = s->root && !row->root_kept && row != &session_process;
	const struct plan_role *plan = &s->plan->roles[row->role];

	return (struct privilege){
		.calls = row->calls,
		.caps = row->caps,
		.fsuid_lo = s->plan->mailbox_uid_min,
		.fsuid_hi = s->plan->mailbox_uid_max,
		.uid = own_uid ? plan->uid : 0,
		.gid = own_uid ? plan->gid : 0,
		.nofile = row->nofile,
		.root = s->root,
		.refuse = s->plan->refuse,
	};
}

/* What is sent to a role besides its configuration: spawn learns how to start sessions. */
static struct str child_extra(const struct suite *s, const struct process *row)
{
	static uint8_t space[BOOT_PATH_MAX + 256];
	struct put extra = put_into(space, sizeof space);
	char program[BOOT_PATH_MAX];
	struct session_row session;

	if (row->role != ROLE_SPAWN)
		return STR_NONE;
	snprintf(program, sizeof program, "%s/%s", s->libexec, session_process.program);
	session = (struct session_row){
		.privilege = row_privilege(s, &session_process),
		.program = str_of(program),
		.sessions_max = s->plan->sessions_max,
		.per_account_max = s->plan->sessions_per_account,
	};
	put_session_row(&extra, &session);
	return put_view(&extra);
}

static int send_begin(struct suite *s, struct child *c)
{
	struct boot b = {
		.role = (uint8_t)c->row->role,
		.instance = (uint16_t)c->instance,
		.privilege = row_privilege(s, c->row),
		.extra = child_extra(s, c->row),
	};

	return boot_begin(c->control, &b, s->plan->roles[c->row->role].settings,
	    s->root && !c->row->root_kept ? s->root_fd : -1);
}

static int send_fds(struct suite *s, struct child *c)
{
	char name[BOOT_NAME_MAX];

	for (size_t i = 0; i < sizeof c->row->dirs / sizeof *c->row->dirs; i++) {
		int d = c->row->dirs[i].dir - 1;

		if (d != -1 && boot_fd(c->control, directories[d].name, s->plan->dirs[d],
				   c->row->dirs[i].rights, s->dir_fds[d]) == -1)
			return -1;
	}
	if (c->row->socket == NULL)
		return 0;
	snprintf(name, sizeof name, "socket.%s", c->row->socket);
	return boot_fd(c->control, name, "", 0, s->socket_fds[c->row - processes]);
}

static int send_listeners(struct suite *s, struct child *c)
{
	struct listening *l;

	TAILQ_FOREACH (l, &s->listenings, next)
		if (l->plan.role == c->row->role && l->wanted &&
		    boot_listener(c->control, l->plan.section, l->fd) == -1)
			return -1;
	return 0;
}

static bool are_peers(enum role a, enum role b)
{
	if (a == ROLE_LOG || b == ROLE_LOG)
		return true;
	for (const struct edge *e = edges; e->a != ROLE_NONE; e++)
		if ((e->a == a && e->b == b) || (e->a == b && e->b == a))
			return true;
	return false;
}

static void connect_pair(struct child *a, struct child *b)
{
	int pair[2];

	if (ipc_pair(pair) == -1) {
		log_error(NULL, EV("pair-failed"), KERRNO);
		return;
	}
	/* the log stamps each event with the process that said it */
	if (a->row->role == ROLE_LOG || b->row->role == ROLE_LOG)
		ipc_want_pid(pair[a->row->role == ROLE_LOG ? 0 : 1]);
	/* a peer that cannot be told is dying; it gets new channels when it is back */
	boot_peer(a->control, b->row->role, b->instance, pair[0]);
	boot_peer(b->control, a->row->role, a->instance, pair[1]);
	close(pair[0]);
	close(pair[1]);
}

static bool talks(const struct child *c)
{
	return c->state == CHILD_BOOTING || c->state == CHILD_READY;
}

static void connect_child(struct suite *s, struct child *c)
{
	struct child *other;

	TAILQ_FOREACH (other, &s->children, next)
		if (other != c && talks(other) && are_peers(c->row->role, other->row->role) &&
		    (!other->candidate || other->state == CHILD_READY))
			connect_pair(c, other);
	if (c->row->role == ROLE_LOG) {
		int pair[2];

		if (ipc_pair(pair) == 0) {
			ipc_want_pid(pair[1]);
			boot_peer(c->control, ROLE_MASTER, 0, pair[1]);
			close(pair[1]);
			log_open(&pair[0], "master");
		}
	}
}

static void child_start(struct suite *s, struct child *c)
{
	char program[BOOT_PATH_MAX];

	snprintf(program, sizeof program, "%s/%s", s->libexec, c->row->program);
	c->since = now_ms();
	c->gone = false;
	c->layers = 0;
	c->pid = boot_spawn(program, role_name(c->row->role), &c->control);
	if (c->pid == -1) {
		log_error(NULL, EV("start-failed"), KZ("program", program), KERRNO);
		c->since += BACKOFF_MAX;
		return;
	}
	c->state = CHILD_BOOTING;
	if (send_begin(s, c) == -1 || send_fds(s, c) == -1 || send_listeners(s, c) == -1) {
		log_error(NULL, EV("boot-failed"), KZ("program", program), KERRNO);
		kill(c->pid, SIGKILL);
		return;
	}
	if (!c->candidate)
		connect_child(s, c);
}

/* --- steps ------------------------------------------------------------------------------------ */

static bool phase_reached(struct suite *s, unsigned phase)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->row->phase < phase && c->state != CHILD_READY &&
		    c->state != CHILD_DRAINING && c->generation == s->generation)
			return false;
	return true;
}

static void child_drain(struct child *c, bool suite_ends)
{
	c->stopped = suite_ends;
	c->state = CHILD_DRAINING;
	c->since = now_ms();
	if (c->pid > 0 && boot_note(c->control, suite_ends ? BOOT_STOP : BOOT_DRAIN) == -1)
		kill(c->pid, SIGTERM);
}

/* The first ready one of a newer generation replaces all the older ones of its row. */
static void drain_replaced(struct suite *s, const struct child *fresh)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->row == fresh->row && c->generation < fresh->generation && talks(c))
			child_drain(c, false);
}

static void child_ready(struct suite *s, struct child *c)
{
	struct child *other;

	c->state = CHILD_READY;
	if (c->candidate) {
		c->candidate = false;
		connect_child(s, c);
	}
	drain_replaced(s, c);
	if (s->ready)
		log_child(LEVEL_INFO, EV("process-ready"), c, "");
	TAILQ_FOREACH (other, &s->children, next)
		if (other->state != CHILD_READY && other->state != CHILD_DRAINING)
			return;
	s->ready = true;
}

int children_step(struct suite *s)
{
	uint64_t now = now_ms();
	int wait = -1;
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next) {
		if (c->state == CHILD_WAITING && !s->stopping) {
			if (c->since <= now)
				child_start(s, c);
			else if (wait == -1 || (int)(c->since - now) < wait)
				wait = (int)(c->since - now) + 1;
		}
		if (c->state == CHILD_BOOTING && !c->gone && phase_reached(s, c->row->phase)) {
			boot_note(c->control, BOOT_GO);
			c->gone = true;
		}
	}
	return wait;
}

/* --- what children say ------------------------------------------------------------------------ */

static void on_ready(struct suite *s, struct child *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);

	c->layers = get_u32(&g);
	if (get_end(&g) == 0 && c->state == CHILD_BOOTING)
		child_ready(s, c);
}

static void on_fatal(struct suite *s, struct child *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str event = get_line(&g, LOG_EVENT_MAX), why = get_line(&g, BOOT_TEXT_MAX);

	if (get_end(&g) == -1)
		return;
	snprintf(s->failure, sizeof s->failure, "%s: %.*s: %.*s", role_name(c->row->role),
	    STR_ARG(event), STR_ARG(why));
	log_child(LEVEL_ERROR, EV("process-failed"), c, s->failure);
}

/*
 * Symbolic links are followed: those who renew certificates switch by them, and only root can make one
 * where root's configuration points to. Nobody waits for a FIFO here.
 */
static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

/* Its settings name files that it cannot open: passes them on, unread; see boot.h. */
static void send_files(const struct suite *s, const struct child *c)
{
	for (uint32_t i = 0; i < s->plan->nfiles; i++) {
		const struct plan_file *f = &s->plan->files[i];
		int fd = f->role == c->row->role ? open_file(f->path) : -1;

		if (f->role == c->row->role)
			boot_fd(c->control, "", f->path, fd == -1 ? (uint32_t)errno : 0, fd);
		if (fd != -1)
			close(fd);
	}
	boot_note(c->control, BOOT_FILES_END);
}

void child_read(struct suite *s, struct child *c)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	int r = 1;

	for (int i = 0; i < READ_BURST && (r = ipc_recv(c->control, &m, space)) == 1; i++) {
		if (m.type == BOOT_READY)
			on_ready(s, c, &m);
		else if (m.type == BOOT_FILES)
			send_files(s, c);
		else if (m.type == BOOT_FATAL)
			on_fatal(s, c, &m);
		ipc_close_fds(&m);
	}
	/* whoever closes the channel, or talks nonsense on it, is to be gone; nobody waits on it
	 * again, because it may take the kernel a while to end the process */
	if (r == 0 || (r == -1 && errno != EAGAIN && errno != EBADF)) {
		kill(c->pid, SIGKILL);
		close(c->control);
		c->control = -1;
	}
}

static void describe_death(const siginfo_t *si, char *text, size_t size)
{
	if (si->si_code == CLD_EXITED)
		snprintf(text, size, "exit status %d", si->si_status);
	else
		snprintf(text, size, "signal %d (%s)%s", si->si_status, strsignal(si->si_status),
		    si->si_status == SIGSYS ? ": a system call outside of its sandbox" : "");
}

static void child_free(struct suite *s, struct child *c)
{
	TAILQ_REMOVE(&s->children, c, next);
	free(c);
}

/* A death that nobody asked for. */
static void child_died(struct suite *s, struct child *c, const siginfo_t *si)
{
	bool asked = si->si_code == CLD_EXITED && si->si_status == 0;
	uint64_t pause, now = now_ms();
	char text[128];

	describe_death(si, text, sizeof text);
	log_child(asked ? LEVEL_INFO : LEVEL_ERROR, EV("process-died"), c, text);
	if (s->failure[0] == '\0')
		snprintf(s->failure, sizeof s->failure, "%s: %s", role_name(c->row->role), text);
	if (c->candidate || c->generation < s->generation) {
		child_free(s, c);
		return;
	}
	c->failures = asked || now - c->since > LIVED_WELL ? 0 : c->failures + 1;
	pause = c->failures == 0 ? 0 : BACKOFF_FIRST;
	for (unsigned i = 1; i < c->failures && pause < BACKOFF_MAX; i++)
		pause *= 2;
	if (pause >= BACKOFF_MAX)
		log_child(LEVEL_ERROR, EV("process-loop"), c, "dies again and again");
	c->state = CHILD_WAITING;
	c->since = now + (pause < BACKOFF_MAX ? pause : BACKOFF_MAX);
	c->restarts++;
	c->pid = 0;
}

void children_reap(struct suite *s)
{
	siginfo_t si = { 0 };

	/* until its last words have been read its pid must not become another's: see child_read()
	 */
	while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid != 0) {
		struct child *c;

		TAILQ_FOREACH (c, &s->children, next)
			if (c->pid == si.si_pid)
				break;
		if (c != NULL)
			child_read(s, c);
		waitid(P_PID, (id_t)si.si_pid, NULL, WEXITED | WNOHANG);
		if (c != NULL) {
			if (c->control != -1)
				close(c->control);
			c->control = -1;
			if (c->state == CHILD_DRAINING || s->stopping)
				child_free(s, c);
			else
				child_died(s, c, &si);
		}
		si.si_pid = 0;
	}
}

void child_reload(struct suite *s, struct child *c)
{
	if (c->control != -1)
		boot_reload(
		    c->control, child_extra(s, c->row), s->plan->roles[c->row->role].settings);
	c->generation = s->generation;
}

/* --- the end ---------------------------------------------------------------------------------- */

bool children_stop(struct suite *s)
{
	struct child *c, *next;
	int phase = -1;

	for (c = TAILQ_FIRST(&s->children); c != NULL; c = next) {
		next = TAILQ_NEXT(c, next);
		if (c->state == CHILD_WAITING)
			child_free(s, c);
		else if (c->row->phase > phase)
			phase = c->row->phase;
	}
	TAILQ_FOREACH (c, &s->children, next)
		if (c->row->phase == phase && !c->stopped)
			child_drain(c, true);
	return phase != -1;
}

void children_kill(struct suite *s)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->pid > 0)
			kill(c->pid, SIGKILL);
}
