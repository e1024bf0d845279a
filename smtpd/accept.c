/*
 * Taking connections. See accept.h.
 *
 * At the limit of sessions a client is told so; when descriptors run out before that, nothing is
 * accepted for a moment, and clients wait in the kernel's queue.
 */
#include "accept.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/loop.h"
#include "limits.h"
#include "proto/proc.h"
#include "session.h"

enum { BREATHER_MS = 200 };

struct gate {
	struct watch watch;
	int fd;
	enum service service;
	const char *title;
	struct secure *secure;
};

static struct gate *gates;
static size_t ngates;
static unsigned most;
static struct timer breather;
static bool open_for_all;

void accept_open(void)
{
	const struct listener *l;
	struct rlimit r;
	const int on = 1;

	ngates = proc_listeners(&l);
	gates = xcalloc(ngates + 1, sizeof *gates);
	for (size_t i = 0; i < ngates; i++) {
		gates[i].fd = l[i].fd;
		gates[i].service = service_of(l[i].conf);
		gates[i].title = str_dup(section_title(l[i].conf));
		if (gates[i].service == SERVICE_LOCAL)
			continue;
		gates[i].secure = secure_new(proc_conf(), l[i].conf);
		secure_listen(gates[i].secure, l[i].fd);
		/* accepted sockets inherit it; replies are whole, and must not wait for an ACK */
		setsockopt(l[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}
	most = settings()->connections;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur != RLIM_INFINITY) {
		/* a session in the middle of a message has a body as well */
		unsigned room = r.rlim_cur > LIMIT_SPARE_FDS
				    ? (unsigned)((r.rlim_cur - LIMIT_SPARE_FDS) / 8 * 7)
				    : 1;

		if (room < most)
			most = room;
	}
}

static void ready(void *arg, unsigned what);

static void watch_all(bool on)
{
	for (size_t i = 0; i < ngates; i++)
		watch_set(&gates[i].watch, gates[i].fd, on ? WATCH_READ : 0, ready, &gates[i]);
}

static void breathed(void *arg)
{
	(void)arg;
	if (open_for_all)
		watch_all(true);
}

static void out_of_descriptors(void)
{
	log_warning(NULL, EV("accept-failed"), KERRNO, KI("connections", session_count()));
	watch_all(false);
	timer_set(&breather, BREATHER_MS, breathed, NULL);
}

/* Before a handshake nothing can be said. */
static void turn_away(int fd, const struct secure *secure)
{
	char line[256];
	int n = snprintf(line, sizeof line,
	    "421 4.3.2 %.200s too many connections, try again later\r\n", settings()->hostname);

	log_warning(NULL, EV("connection-limit"), KI("connections", session_count()));
	if (secure == NULL || secure_mode(secure) != SECURE_IMPLICIT)
		send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

/* One at a time: the loop calls again for the next, and other workers get their share. */
static void ready(void *arg, unsigned what)
{
	struct gate *g = arg;
	union {
		struct sockaddr sa;
		struct sockaddr_storage space;
	} from = { 0 };
	socklen_t n = sizeof from;
	int fd = accept4(g->fd, &from.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			out_of_descriptors();
		return;
	}
	if (session_count() >= most)
		turn_away(fd, g->secure);
	else
		session_new(&fd, g->service, g->title, g->secure, &from.sa);
}

bool accept_needs_keys(void)
{
	for (size_t i = 0; i < ngates; i++)
		if (gates[i].secure != NULL && secure_mode(gates[i].secure) != SECURE_OFF)
			return true;
	return false;
}

void accept_start(void)
{
	open_for_all = true;
	watch_all(true);
}

void accept_stop(void)
{
	open_for_all = false;
	watch_all(false);
	timer_clear(&breather);
}
