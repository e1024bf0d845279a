/* A mark left behind by a process that a damaged index ends. See guard.h. */
#include "store/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#define MARK "suspect"

/* Read by the signal handler. */
static volatile uintptr_t map_start, map_end;
static volatile int mark_dir = -1;

/* Only async-signal-safe calls. */
static void mark(void)
{
	int fd = openat(mark_dir, MARK, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd != -1)
		close(fd);
}

/* SA_RESETHAND: on return the instruction faults again and the process ends as it should. */
static void fault(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	(void)sig;
	(void)context;
	if (mark_dir != -1 && at >= map_start && at < map_end)
		mark();
}

static void asserted(MDB_env *env, const char *text)
{
	(void)env;
	(void)text;
	mark(); /* LMDB calls abort() after this */
}

static void handle(int sig)
{
	struct sigaction now,
	    want = { .sa_sigaction = fault, .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND) };

	sigemptyset(&want.sa_mask);
	if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		sigaction(sig, &want, NULL);
}

void guard_set(MDB_env *env, int dir, const void *start, size_t n)
{
	const uintptr_t slack = 1 << 20; /* a length that is wrong leads a little beyond the map */

	mark_dir = -1;
	map_start = (uintptr_t)start;
	map_end = map_start + n + slack;
	mark_dir = dir;
	mdb_env_set_assert(env, asserted);
	handle(SIGSEGV);
	handle(SIGBUS);
}

void guard_clear(void)
{
	mark_dir = -1;
}

bool guard_marked(int dir)
{
	return faccessat(dir, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void guard_unmark(int dir)
{
	unlinkat(dir, MARK, 0);
}
