/* Listening sockets. See listen.h. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"

enum { BACKLOG = 4096 };

static int fail_close(int fd)
{
	int saved = errno;

	if (fd != -1)
		close(fd);
	errno = saved;
	return -1;
}

/* A socket of an earlier run goes; what is no socket stays, whatever the configuration says. */
static int clear_path(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	return unlink(path);
}

static int open_unix(const char *path, int type, unsigned mode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (str_copy(str_of(path), sun.sun_path, sizeof sun.sun_path) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || clear_path(path) == -1 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof sun) == -1 || chmod(path, mode) == -1 ||
	    listen(fd, BACKLOG) == -1)
		return fail_close(fd);
	return fd;
}

static int open_inet(const struct plan_listener *l)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(l->port) };
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(l->port) };
	bool six = l->family == 6;
	const int on = 1;
	int fd;

	memcpy(&in4.sin_addr, l->address, sizeof in4.sin_addr);
	memcpy(&in6.sin6_addr, l->address, sizeof in6.sin6_addr);
	fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    (six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == -1) ||
	    bind(fd, six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in4,
		six ? sizeof in6 : sizeof in4) == -1 ||
	    listen(fd, BACKLOG) == -1)
		return fail_close(fd);
	return fd;
}

int listen_control(const char *run_directory, const char *name, unsigned mode)
{
	const int passrights = 83, off = 0; /* SO_PASSRIGHTS, Linux 6.16 */
	char path[BUFSIZ];
	int fd;

	snprintf(path, sizeof path, "%s/%s", run_directory, name);
	fd = open_unix(path, SOCK_SEQPACKET, mode);
	/* who closes a stranger's descriptor can be made to wait for him; before 6.16 they come */
	if (fd != -1)
		setsockopt(fd, SOL_SOCKET, passrights, &off, sizeof off);
	return fd;
}

static struct listening *find(struct suite *s, const struct plan_listener *wanted)
{
	struct listening *l;

	TAILQ_FOREACH (l, &s->listenings, next)
		if (strcmp(l->plan.name, wanted->name) == 0)
			return l;
	return NULL;
}

static int open_one(struct suite *s, const struct plan_listener *wanted)
{
	struct listening *l;
	int fd =
	    wanted->family == 0 ? open_unix(wanted->path, SOCK_STREAM, 0666) : open_inet(wanted);

	if (fd == -1)
		return -1;
	l = xcalloc(1, sizeof *l);
	l->plan = *wanted;
	l->fd = fd;
	l->fresh = true;
	TAILQ_INSERT_TAIL(&s->listenings, l, next);
	return 0;
}

/* Closes those that are not wanted; `fresh`: only those that were opened just now. */
static void drop(struct suite *s, bool fresh)
{
	struct listening *l, *next;

	for (l = TAILQ_FIRST(&s->listenings); l != NULL; l = next) {
		next = TAILQ_NEXT(l, next);
		if (l->wanted || (fresh && !l->fresh))
			continue;
		TAILQ_REMOVE(&s->listenings, l, next);
		close(l->fd);
		free(l);
	}
}

int listen_open(struct suite *s, const struct plan *plan, char *why, size_t size)
{
	const struct plan_listener *end = plan->listeners + plan->nlisteners;
	struct listening *l;

	for (const struct plan_listener *w = plan->listeners; w < end; w++)
		if (find(s, w) == NULL && open_one(s, w) == -1) {
			snprintf(why, size, "%s: cannot listen on %s: %s", w->where, w->name,
			    strerror(errno));
			drop(s, true);
			return -1;
		}
	TAILQ_FOREACH (l, &s->listenings, next)
		l->wanted = false;
	for (const struct plan_listener *w = plan->listeners; w < end; w++) {
		l = find(s, w);
		l->plan = *w;
		l->wanted = true;
	}
	return 0;
}

void listen_sweep(struct suite *s)
{
	struct listening *l;

	drop(s, false);
	TAILQ_FOREACH (l, &s->listenings, next)
		l->fresh = false;
}
