/* A lookup service of another configuration. See candidate.h. */
#include "candidate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "command.h"
#include "proto/auth.h"
#include "proto/boot.h"
#include "proto/confload.h"
#include "proto/place.h"
#include "proto/plan.h"
#include "proto/types.h"

enum { ANSWER_MS = 10 * 1000 };

/* The ends of its channels. */
enum { TO_MASTER, TO_QUEUE, TO_AUTH, ENDS };

static pid_t pid;
static int ends[ENDS] = { -1, -1, -1 };
static uint32_t asked;

static int fail(struct buf *why, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct buf *why, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(why, fmt, ap);
	va_end(ap);
	buf_char(why, '\n');
	return status;
}

/* --- its configuration ------------------------------------------------------------------------ */

struct reading {
	struct plan plan;
	int settings; /* of ROLE_LOOKUP; -1 = none yet */
	bool complete;
};

static int take(void *arg, struct ipc_msg *m)
{
	struct reading *r = arg;
	struct get g = get_start(m->body);

	if (m->type == CONFIG_SETTINGS && get_u8(&g) == ROLE_LOOKUP && r->settings == -1)
		r->settings = ipc_take_fd(m, 0);
	if (m->type != CONFIG_PLAN)
		return 0;
	r->complete = get_plan(&g, &r->plan) == 0;
	return r->complete ? 0 : -1;
}

static int read_configuration(struct reading *r, const char *file, struct buf *why)
{
	static char lines[CONF_LINES_MAX];
	char path[PATH_MAX], program[PATH_MAX + 32];

	r->settings = -1;
	if (place_conf(file, path) == -1)
		return fail(why, EX_USAGE, "%s: %s", file, strerror(errno));
	snprintf(program, sizeof program, "%s/master-config", tool_libexec());
	if (config_ask(program, path, true, take, r, lines, sizeof lines) == -1 || !r->complete ||
	    r->settings == -1) {
		buf_z(why, lines);
		return EX_CONFIG;
	}
	return EX_OK;
}

/* --- its start -------------------------------------------------------------------------------- */

/* As master does it. */
static struct boot make_boot(const struct plan *p)
{
	const struct plan_role *role = &p->roles[ROLE_LOOKUP];

	return (struct boot){ .role = ROLE_LOOKUP,
		.privilege = { .calls = LOOKUP_CALLS,
		    .uid = role->uid,
		    .gid = role->gid,
		    .nofile = LOOKUP_NOFILE,
		    .root = geteuid() == 0,
		    .refuse = p->refuse },
		.extra = STR_NONE };
}

static int give_channel(int end, enum role role)
{
	int pair[2], r;

	if (ipc_pair(pair) == -1)
		return -1;
	ends[end] = pair[0];
	r = boot_peer(ends[TO_MASTER], role, 0, pair[1]);
	close(pair[1]);
	return r;
}

static bool suite_runs(void)
{
	char *run = str_dup(conf_str(tool_conf(), "run_directory"));
	struct control c;
	bool runs = control_open(&c, run, "accounts") == 0;

	if (runs)
		control_close(&c);
	free(run);
	return runs;
}

static int give_all(const struct plan *p, int settings, int tables)
{
	struct boot b = make_boot(p);

	if (boot_begin(ends[TO_MASTER], &b, settings, -1) == -1 ||
	    boot_fd(ends[TO_MASTER], "tables", p->dirs[DIR_TABLES], DIR_READ, tables) == -1 ||
	    give_channel(TO_QUEUE, ROLE_QUEUE) == -1 ||
	    (suite_runs() && give_channel(TO_AUTH, ROLE_AUTH) == -1))
		return -1;
	return boot_note(ends[TO_MASTER], BOOT_GO);
}

/* One packet from that end; 0 when there is none in time, or no more. */
static int receive(int end, struct ipc_msg *m, void *space)
{
	struct pollfd p = { .fd = ends[end], .events = POLLIN };

	if (poll(&p, 1, ANSWER_MS) != 1 || ipc_recv(ends[end], m, space) != 1)
		return 0;
	ipc_close_fds(m);
	return 1;
}

static int await_ready(struct buf *why)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	struct str event, text;
	struct get g;

	while (receive(TO_MASTER, &m, space) == 1) {
		if (m.type == BOOT_READY)
			return EX_OK;
		if (m.type != BOOT_FATAL)
			continue;
		g = get_start(m.body);
		event = get_line(&g, LOG_EVENT_MAX);
		text = get_line(&g, BOOT_TEXT_MAX);
		return fail(why, EX_CONFIG, "%.*s (%.*s)", STR_ARG(text), STR_ARG(event));
	}
	return fail(why, EX_SOFTWARE, "the lookup service does not start");
}

/* What it has to say of its configuration comes by its channel. */
static pid_t spawn_silently(const char *program)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC),
	    kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	pid_t p = -1;

	if (null != -1 && kept != -1 && dup2(null, STDERR_FILENO) != -1) {
		p = boot_spawn(program, "lookup", &ends[TO_MASTER]);
		dup2(kept, STDERR_FILENO);
	}
	if (null != -1)
		close(null);
	if (kept != -1)
		close(kept);
	return p;
}

static int start(const struct reading *r, struct buf *why)
{
	char program[PATH_MAX + 32];
	int tables = open(r->plan.dirs[DIR_TABLES], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int sent = -1;

	if (tables == -1)
		return fail(why, EX_CONFIG, "%s: %s", r->plan.dirs[DIR_TABLES], strerror(errno));
	snprintf(program, sizeof program, "%s/services-lookup", tool_libexec());
	pid = spawn_silently(program);
	if (pid > 0)
		sent = give_all(&r->plan, r->settings, tables);
	close(tables);
	if (sent == -1)
		return fail(why, EX_OSERR, "%s: %s", program, strerror(errno));
	return await_ready(why);
}

int candidate_start(const char *file, struct buf *why)
{
	struct reading *r = xcalloc(1, sizeof *r);
	int status = read_configuration(r, file, why);

	if (status == EX_OK)
		status = start(r, why);
	if (r->settings != -1)
		close(r->settings);
	free(r);
	if (status != EX_OK)
		candidate_stop();
	return status;
}

void candidate_stop(void)
{
	for (unsigned i = 0; i < ENDS; i++) {
		if (ends[i] != -1)
			close(ends[i]);
		ends[i] = -1;
	}
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = 0;
}

/* --- what it wants to know -------------------------------------------------------------------- */

struct found {
	uint8_t bytes[IPC_BODY_MAX];
	size_t n;
};

static void on_found(void *arg, struct str body, struct ipc_msg *m)
{
	struct found *f = arg;

	(void)m;
	f->n = body.n;
	memcpy(f->bytes, body.p, body.n);
}

/* An account, as the running suite has it: its answer is passed on. */
static void answer_account(const struct ipc_msg *m)
{
	static struct found f;
	static uint8_t space[LOGIN_MAX + 64];
	/* put_start() has the question that is being answered, which may be asked again */
	struct put w = put_into(space, sizeof space);
	struct control_answer answer;
	struct get g = get_start(m->body);

	f.n = 0;
	put_str(&w, get_line(&g, LOGIN_MAX));
	if (get_end(&g) == 0 &&
	    tool_request("accounts", AUTH_CTL_ADDRESS, &w, on_found, &f, &answer) == 0 && f.n > 0) {
		struct ipc_msg reply = { .type = AUTH_ACCOUNT,
			.flags = IPC_REPLY,
			.id = m->id,
			.gen = m->gen,
			.body = str_bytes(f.bytes, f.n) };

		ipc_send(ends[TO_AUTH], &reply);
	}
}

/* --- questions -------------------------------------------------------------------------------- */

bool candidate_runs(void)
{
	return pid > 0;
}

bool candidate_alone(void)
{
	return pid > 0 && ends[TO_AUTH] == -1;
}

bool candidate_answers(uint16_t type)
{
	return candidate_runs() &&
	       (type == LOOKUP_ROUTE || type == LOOKUP_EXPLAIN || type == LOOKUP_LANE);
}

/* The next packet of the answer to that question: 1, or 0 when it does not come. */
static int next_part(uint32_t id, struct ipc_msg *m, void *space)
{
	for (;;) {
		struct pollfd p[] = { { .fd = ends[TO_QUEUE], .events = POLLIN },
			{ .fd = ends[TO_AUTH], .events = POLLIN } };

		if (poll(p, 2, ANSWER_MS) < 1)
			return 0;
		if (p[1].revents != 0) {
			if (receive(TO_AUTH, m, space) == 0)
				return 0;
			if (m->type == AUTH_ACCOUNT)
				answer_account(m);
		}
		if (p[0].revents == 0)
			continue;
		if (receive(TO_QUEUE, m, space) == 0)
			return 0;
		if ((m->flags & IPC_REPLY) != 0 && m->id == id)
			return 1;
	}
}

int candidate_ask(
    uint16_t type, const struct put *question, int (*part)(void *arg, struct get *g), void *arg)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m = { .type = type, .id = ++asked, .gen = 1, .body = put_view(question) };
	struct get g;

	if (question->bad || ipc_send(ends[TO_QUEUE], &m) == -1)
		return tool_fail(EX_SOFTWARE, "the lookup service cannot be asked");
	do {
		if (next_part(asked, &m, space) == 0)
			return tool_fail(EX_SOFTWARE, "the lookup service does not answer");
		g = get_start(m.body);
		if (m.type != type || part(arg, &g) == -1)
			return tool_fail(EX_PROTOCOL, "the answer cannot be read");
	} while ((m.flags & IPC_MORE) != 0);
	return EX_OK;
}
