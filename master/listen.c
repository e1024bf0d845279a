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

enum { BACKLOG = 4096, KEY_MAX = 512 };

static const struct {
	const char *service;
	unsigned port;
} default_ports[] = { { "smtp", 25 }, { "lmtp", 24 }, { "imap", 143 }, { "submission", 587 } };

static unsigned default_port(struct str service)
{
	for (size_t i = 0; i < sizeof default_ports / sizeof *default_ports; i++)
		if (str_eq(service, str_of(default_ports[i].service)))
			return default_ports[i].port;
	return 0;
}

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

static int open_inet(const char *address, unsigned port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const int on = 1;
	struct sockaddr *to;
	socklen_t size;
	int fd;

	if (inet_pton(AF_INET, address, &in4.sin_addr) == 1) {
		to = (struct sockaddr *)&in4;
		size = sizeof in4;
	} else if (inet_pton(AF_INET6, address, &in6.sin6_addr) == 1) {
		to = (struct sockaddr *)&in6;
		size = sizeof in6;
	} else {
		errno = EINVAL;
		return -1;
	}
	fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    (to->sa_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == -1) ||
	    bind(fd, to, size) == -1 || listen(fd, BACKLOG) == -1)
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

unsigned listen_port(int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_storage space;
	} a;
	socklen_t size = sizeof a;

	if (getsockname(fd, &a.sa, &size) == -1)
		return 0;
	if (a.sa.sa_family == AF_INET)
		return ntohs(a.in4.sin_port);
	return a.sa.sa_family == AF_INET6 ? ntohs(a.in6.sin6_port) : 0;
}

static struct listening *find_key(struct suite *s, const char *key)
{
	struct listening *l;

	TAILQ_FOREACH (l, &s->listenings, next)
		if (strcmp(l->key, key) == 0)
			return l;
	return NULL;
}

/* One socket: kept if there is one of that key, else opened. address is a path if unix_type != 0. */
static int want(struct suite *s, struct str service, const char *address, unsigned port,
    uint32_t section)
{
	bool local = address[0] == '/';
	char key[KEY_MAX];
	struct listening *l;

	snprintf(key, sizeof key, "%.*s %s %u", STR_ARG(service), address, port);
	l = find_key(s, key);
	if (l == NULL) {
		int fd = local ? open_unix(address, SOCK_STREAM, 0666) : open_inet(address, port);

		if (fd == -1)
			return -1;
		l = xcalloc(1, sizeof *l);
		l->fd = fd;
		l->key = xstrdup(key);
		l->role = service_role(service);
		l->fresh = true;
		TAILQ_INSERT_TAIL(&s->listenings, l, next);
	}
	l->section = section;
	l->wanted = true;
	return 0;
}

static int want_section(struct suite *s, const struct conf *conf, uint32_t n, char *why, size_t size)
{
	const struct conf_section *c = conf_section(conf, "listener", n);
	struct str service = section_str(c, "service"), path = section_str(c, "path");
	struct str run = conf_str(conf, "run_directory"), where = section_str(c, "service");
	unsigned port = (unsigned)section_int(c, "port");
	char address[KEY_MAX / 2];

	if (port == 0)
		port = default_port(service);
	if (path.n > 0) {
		snprintf(address, sizeof address, "%.*s%s%.*s", path.p[0] == '/' ? 0 : (int)run.n,
		    run.p, path.p[0] == '/' ? "" : "/", STR_ARG(path));
		if (want(s, service, address, 0, n) == 0)
			return 0;
		goto fail;
	}
	for (size_t i = 0; i < section_count(c, "address"); i++)
		if (str_copy(section_item(c, "address", i), address, sizeof address) == -1 ||
		    want(s, service, address, port, n) == -1)
			goto fail;
	return 0;
fail:
	where = section_where(c, path.n > 0 ? "path" : "port");
	snprintf(why, size, "%.*s: cannot listen on %s port %u: %s", STR_ARG(where), address, port,
	    strerror(errno));
	return -1;
}

/* Removes the sockets that are (not) wanted. */
static void drop(struct suite *s, bool wanted)
{
	struct listening *l, *next;

	for (l = TAILQ_FIRST(&s->listenings); l != NULL; l = next) {
		next = TAILQ_NEXT(l, next);
		if (l->wanted != wanted)
			continue;
		TAILQ_REMOVE(&s->listenings, l, next);
		close(l->fd);
		free(l->key);
		free(l);
	}
}

int listen_open(struct suite *s, const struct conf *conf, char *why, size_t size)
{
	struct listening *before = TAILQ_LAST(&s->listenings, listenings), *l;
	char ignored[KEY_MAX];

	TAILQ_FOREACH (l, &s->listenings, next)
		l->wanted = l->fresh = false;
	for (uint32_t n = 0; conf_section(conf, "listener", n) != NULL; n++) {
		if (want_section(s, conf, n, why, size) == 0)
			continue;
		/* back to what was: those behind `before` are new, the others are all known by key */
		TAILQ_FOREACH (l, &s->listenings, next)
			l->wanted = true;
		l = before == NULL ? TAILQ_FIRST(&s->listenings) : TAILQ_NEXT(before, next);
		for (; l != NULL; l = TAILQ_NEXT(l, next))
			l->wanted = false;
		drop(s, false);
		for (n = 0; s->conf != NULL && conf_section(s->conf, "listener", n) != NULL; n++)
			want_section(s, s->conf, n, ignored, sizeof ignored);
		return -1;
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
