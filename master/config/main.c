/*
 * config: reads the configuration file, checks it, answers (proto/plan.h), and ends. Started by
 * master and by the tools, so that a fault in the file, or in what reads it, harms nobody else. It
 * gives up all rights but reading before it parses.
 */
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memfd.h"
#include "base/sandbox.h"
#include "cross.h"
#include "faults.h"
#include "parse.h"
#include "plan.h"
#include "proto/boot.h"
#include "proto/confload.h"
#include "proto/root_types.h"
#include "resolve.h"
#include "scan.h"

enum { USAGE = 64, BAD_FILE = 78, NOBODY = 65534 };

/* Before confinement: name services load their libraries at the first question that files do not
 * answer. What needs a socket will not be asked. */
static void confine(void)
{
	struct privilege p = {
		.calls = CALLS_READ | CALLS_MEMFD,
		.nofile = 64,
		.root = geteuid() == 0,
		.refuse = true,
		.uid = NOBODY,
		.gid = NOBODY,
	};
	const struct passwd *pw = getpwnam("thurn-config");
	struct dir_rule all = { .rights = DIR_READ };

	if (pw != NULL && pw->pw_uid != 0 && pw->pw_gid != 0) {
		p.uid = pw->pw_uid;
		p.gid = pw->pw_gid;
	}
	all.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (all.fd == -1 || sandbox_become(&p) == -1 ||
	    sandbox_confine(&p, -1, &all, 1, NULL, 0) == -1)
		_exit(1);
	close(all.fd);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void send_answer(uint16_t type, const struct put *w, int fd)
{
	struct ipc_msg m = { .type = type, .body = put_view(w), .fds = { fd } };

	m.nfds = fd == -1 ? 0 : 1;
	if (w->bad || ipc_send(BOOT_CONTROL_FD, &m) == -1)
		_exit(1);
}

static void say(const struct faults *f)
{
	struct put w = put_start();
	struct buf text;

	buf_init(&text, FAULTS_TEXT_MAX + 64);
	buf_str(&text, buf_view(f->n > 0 ? &f->faults : &f->warnings));
	if (f->n > FAULTS_MAX)
		buf_printf(&text, "and %u more\n", f->n - FAULTS_MAX);
	put_str(&w, buf_view(&text));
	send_answer(CONFIG_SAYS, &w, -1);
}

static void answer_settings(const struct conf *c, const struct plan *p, enum role role)
{
	struct put w = put_start();
	struct buf b;
	int fd;

	buf_init(&b, CONF_BYTES_MAX);
	if (plan_settings(c, role, &b)) {
		fd = memfd_sealed("settings", buf_view(&b));
		if (fd == -1)
			_exit(1);
		put_u8(&w, (uint8_t)role);
		put_u64(&w, plan_mark(p, role, buf_view(&b)));
		send_answer(CONFIG_SETTINGS, &w, fd);
		close(fd);
	}
	buf_clear(&b);
}

static void answer_suite(const struct conf *c, struct plan *p)
{
	struct put w;

	for (enum role r = 0; r < ROLE_MAX; r++)
		if (r != ROLE_TOOL)
			answer_settings(c, p, r);
	for (uint32_t i = 0; i < p->nlisteners; i++) {
		w = put_start();
		put_plan_listener(&w, &p->listeners[i]);
		send_answer(CONFIG_LISTENER, &w, -1);
	}
	for (uint32_t i = 0; i < p->nfiles; i++) {
		w = put_start();
		put_plan_file(&w, &p->files[i]);
		send_answer(CONFIG_FILE, &w, -1);
	}
	w = put_start();
	put_plan(&w, p);
	send_answer(CONFIG_PLAN, &w, -1);
}

/* --- the question ----------------------------------------------------------------------------- */

/* The path of the file, NULL if it is none that may be; whether the caller is master. */
static const char *question(bool *suite)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	struct str file;
	struct get g;

	/* from here on it may wait: there is nothing else to do */
	if (fcntl(BOOT_CONTROL_FD, F_SETFL, 0) == -1 || ipc_recv(BOOT_CONTROL_FD, &m, space) != 1 ||
	    m.type != CONFIG_READ)
		return NULL;
	g = get_start(m.body);
	file = get_line(&g, BOOT_PATH_MAX);
	*suite = get_bool(&g);
	return get_end(&g) == -1 ? NULL : str_dup(file);
}

int main(void)
{
	static struct plan plan;
	bool root = geteuid() == 0, suite;
	char host[256] = "";
	const char *file;
	struct faults f;
	struct conf *c = NULL;
	struct scan s;

	clearenv();
	alarm(PLAN_SECONDS);
	file = question(&suite);
	if (file == NULL)
		return USAGE;
	gethostname(host, sizeof host - 1);
	faults_init(&f);
	scan_init(&s, &f);
	scan_file(&s, file);
	confine();
	if (f.n == 0)
		c = parse(&s, &f);
	if (f.n == 0)
		resolve(c, host, root, &f);
	if (f.n == 0)
		cross_check(c, &f);
	say(&f);
	if (f.n > 0)
		return BAD_FILE;
	if (suite) {
		plan_make(c, &plan);
		answer_suite(c, &plan);
	} else {
		answer_settings(c, &plan, ROLE_TOOL);
	}
	return 0;
}
