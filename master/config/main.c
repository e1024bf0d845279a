/*
 * config: reads the configuration file, checks it, and ends. `config FILE` writes its answer to
 * descriptor 3 (proto/confload.h). Started by master and by the tools, so that a fault in the file,
 * or in what reads it, harms nobody else. It gives up all rights but reading before it parses.
 */
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "base/sandbox.h"
#include "cross.h"
#include "faults.h"
#include "parse.h"
#include "proto/confload.h"
#include "proto/role.h"
#include "resolve.h"
#include "scan.h"

enum { ANSWER_FD = 3, USAGE = 64, NOBODY = 65534 };

/* Before confinement: name services load their libraries at the first question that files do not
 * answer. What needs a socket will not be asked. */
static void confine(void)
{
	struct privilege p = {
		.calls = CALLS_READ,
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

static void write_all(struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(ANSWER_FD, s.p, s.n);

		if (n <= 0)
			_exit(1);
		s = str_skip(s, (size_t)n);
	}
}

static void answer(const struct conf *c, const struct faults *f)
{
	static uint8_t space[CONF_LOAD_TEXT_MAX + 64];
	struct put w = put_into(space, sizeof space);
	struct buf text, conf;

	buf_init(&text, CONF_LOAD_TEXT_MAX);
	buf_init(&conf, 16 << 20);
	buf_str(&text, buf_view(f->n > 0 ? &f->faults : &f->warnings));
	if (f->n > FAULTS_MAX)
		buf_printf(&text, "and %u more\n", f->n - FAULTS_MAX);
	if (f->n == 0 && conf_encode(c, ROLE_MASTER, &conf) == -1)
		_exit(1);
	put_u32(&w, CONF_LOAD_MAGIC);
	put_u8(&w, f->n == 0);
	put_str(&w, buf_view(&text));
	write_all(put_view(&w));
	write_all(buf_view(&conf));
}

int main(int argc, char **argv)
{
	bool root = geteuid() == 0;
	char host[256] = "";
	struct faults f;
	struct conf *c;
	struct scan s;

	if (argc != 2)
		return USAGE;
	clearenv();
	alarm(CONF_LOAD_SECONDS);
	gethostname(host, sizeof host - 1);
	faults_init(&f);
	scan_init(&s, &f);
	scan_file(&s, argv[1]);
	confine();
	if (f.n > 0) {
		answer(NULL, &f);
		return 0;
	}
	c = parse(&s, &f);
	if (f.n == 0)
		resolve(c, host, root, &f);
	if (f.n == 0)
		cross_check(c, &f);
	answer(c, &f);
	return 0;
}
