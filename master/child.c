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
#include "peers.h"
#include "proto/boot.h"
#include "proto/root_types.h"
#include "start.h"

enum {
	BACKOFF_FIRST = 50, /* ms; doubled at each death in a row */
	BACKOFF_MAX = 30 * 1000,
	LIVED_WELL = 60 * 1000, /* ms after which an earlier death is forgotten */
	READ_BURST = 32, /* messages per wake-up: who never stops talking keeps nobody waiting */
};

const char *child_state_name(enum child_state state)
{
	static const char *const names[] = { "waiting", "booting", "ready", "retired", "draining" };

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

static void child_free(struct suite *s, struct child *c)
{
	TAILQ_REMOVE(&s->children, c, next);
	free(c);
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

/* --- steps ------------------------------------------------------------------------------------ */

static bool phase_reached(struct suite *s, unsigned phase)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->row->phase < phase && c->generation == s->generation &&
		    (c->state == CHILD_WAITING || c->state == CHILD_BOOTING))
			return false;
	return true;
}

static bool runs(const struct child *c)
{
	return c->state == CHILD_BOOTING || c->state == CHILD_READY;
}

/* BOOT_RETIRE: it has been replaced and finishes what it has; BOOT_DRAIN: it is to end. */
static void child_dismiss(struct child *c, enum child_state state, uint16_t note)
{
	c->state = state;
	c->since = now_ms();
	if (c->pid > 0 && boot_note(c->control, note) == -1)
		kill(c->pid, SIGTERM);
}

/* The first ready one of a newer generation replaces all the older ones of its row. */
static void retire_replaced(struct suite *s, const struct child *fresh)
{
	struct child *c, *next;

	for (c = TAILQ_FIRST(&s->children); c != NULL; c = next) {
		next = TAILQ_NEXT(c, next);
		if (c->row != fresh->row || c->generation >= fresh->generation)
			continue;
		if (runs(c))
			child_dismiss(c, CHILD_RETIRED, BOOT_RETIRE);
		else if (c->state == CHILD_WAITING)
			child_free(s, c);
	}
}

void child_adopt(struct suite *s, struct child *c)
{
	c->candidate = false;
	peers_connect(s, c);
	retire_replaced(s, c);
}

static void child_ready(struct suite *s, struct child *c)
{
	struct child *other;

	c->state = CHILD_READY;
	if (s->ready)
		log_child(LEVEL_INFO, EV("process-ready"), c, "");
	if (!c->candidate)
		retire_replaced(s, c);
	TAILQ_FOREACH (other, &s->children, next)
		if (other->state == CHILD_WAITING || other->state == CHILD_BOOTING)
			return;
	s->ready = true;
}

static void begin(struct suite *s, struct child *c)
{
	if (child_start(s, c) == -1)
		c->since += BACKOFF_MAX;
	else if (!c->candidate)
		peers_connect(s, c);
}

int children_step(struct suite *s)
{
	int wait = peers_step(s);
	uint64_t now = now_ms();
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next) {
		if (c->state == CHILD_WAITING && !s->stopping) {
			if (c->since <= now)
				begin(s, c);
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
	snprintf(s->failure, sizeof s->failure, "%s: %.*s (%.*s)", role_name(c->row->role),
	    STR_ARG(why), STR_ARG(event));
	log_child(LEVEL_ERROR, EV("process-failed"), c, s->failure);
}

static void on_lost(struct suite *s, struct child *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	enum role role = get_u8(&g);
	unsigned instance = get_u16(&g);

	if (get_end(&g) == 0)
		peers_lost(s, c, role, instance);
}

static void on_files(struct suite *s, struct child *c, struct ipc_msg *m)
{
	(void)m;
	child_files(s, c);
}

static void on_connect(struct suite *s, struct child *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint32_t token = get_u32(&g);
	struct str path = get_line(&g, BOOT_PATH_MAX);

	if (get_end(&g) == 0)
		child_connect(s, c, token, path);
}

static const struct {
	uint16_t type;
	void (*fn)(struct suite *s, struct child *c, struct ipc_msg *m);
} rows[] = {
	{ BOOT_READY, on_ready },
	{ BOOT_FATAL, on_fatal },
	{ BOOT_LOST, on_lost },
	{ BOOT_FILES, on_files },
	{ BOOT_CONNECT, on_connect },
};

void child_read(struct suite *s, struct child *c)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	int r = 1;

	for (int i = 0; i < READ_BURST && (r = ipc_recv(c->control, &m, space)) == 1; i++) {
		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
			if (rows[k].type == m.type)
				rows[k].fn(s, c, &m);
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
	if (c->candidate || (c->generation < s->generation && s->old_plan == NULL)) {
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
	c->instance =
	    s->next_instance[c->row->role]++; /* what is said of the dead is not of this one */
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
			peers_forget(s, c);
			if (c->state == CHILD_DRAINING || c->state == CHILD_RETIRED || s->stopping)
				child_free(s, c);
			else
				child_died(s, c, &si);
		}
		si.si_pid = 0;
	}
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
		if (c->row->phase == phase && (runs(c) || c->state == CHILD_RETIRED))
			child_dismiss(c, CHILD_DRAINING, BOOT_DRAIN);
	return phase != -1;
}

void children_kill_candidates(struct suite *s)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->candidate) {
			c->candidate = false;
			c->state = CHILD_DRAINING;
			kill(c->pid, SIGKILL);
		}
}

void children_kill(struct suite *s)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->pid > 0)
			kill(c->pid, SIGKILL);
}
