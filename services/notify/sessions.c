/* The sessions that may hear of changes. See sessions.h. */
#include "sessions.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/loop.h"
#include "proto/lookup.h"
#include "proto/notify.h"
#include "proto/types.h"

enum { BUCKETS = 4096, BURST = 16 };

struct session {
	int fd;
	struct watch watch;
	struct tag tag;
	bool behind; /* its channel was full: it is told to look at everything */
	LIST_ENTRY(session) next;
	char home[];
};

static LIST_HEAD(, session) buckets[BUCKETS];
static unsigned nsessions;

static void on_session(void *arg, unsigned what);

unsigned sessions_count(void)
{
	return nsessions;
}

/* FNV-1a. Homes are named by auth, not by strangers. */
static unsigned bucket_of(struct str home)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < home.n; i++)
		h = (h ^ (unsigned char)home.p[i]) * 16777619u;
	return h % BUCKETS;
}

static void session_drop(struct session *s)
{
	watch_clear(&s->watch);
	close(s->fd);
	LIST_REMOVE(s, next);
	nsessions--;
	free(s);
}

/* Failure other than a full channel is left to the read side. */
static void tell(struct session *s, struct str folder)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = NOTIFY_CHANGED };

	if (s->behind)
		return;
	put_str(&w, folder);
	m.body = put_view(&w);
	if (ipc_send(s->fd, &m) == -1 && errno == EAGAIN) {
		s->behind = true;
		watch_set(&s->watch, s->fd, WATCH_READ | WATCH_WRITE, on_session, s);
	}
}

static void tell_others(const struct session *except, struct str home, struct str folder)
{
	struct session *s;

	LIST_FOREACH (s, &buckets[bucket_of(home)], next)
		if (s != except && str_eq(str_of(s->home), home))
			tell(s, folder);
}

void sessions_tell(struct str home, struct str folder)
{
	tell_others(NULL, home, folder);
}

/* False when the session is gone. */
static bool heard(struct session *s)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	struct get g;
	struct str folder;
	int r = ipc_recv(s->fd, &m, space);

	if (r == -1 && errno == EAGAIN)
		return true;
	if (r == 1) {
		ipc_close_fds(&m);
		g = get_start(m.body);
		folder = get_line(&g, FOLDER_MAX);
		r = m.type == NOTIFY_CHANGED && get_end(&g) == 0 ? 1 : -1;
	}
	if (r == 1) {
		tell_others(s, str_of(s->home), folder);
		return true;
	}
	if (r == -1)
		log_error(&s->tag, EV("session-malformed"), KZ("home", s->home));
	session_drop(s);
	return false;
}

static void on_session(void *arg, unsigned what)
{
	struct session *s = arg;

	if ((what & WATCH_WRITE) != 0 && s->behind) {
		watch_set(&s->watch, s->fd, WATCH_READ, on_session, s);
		s->behind = false;
		tell(s, STR(NOTIFY_ALL));
	}
	for (unsigned i = 0; (what & WATCH_READ) != 0 && i < BURST; i++)
		if (!heard(s))
			return;
}

void session_add(int *fd, struct str home, uint64_t trace)
{
	struct session *s = xcalloc(1, sizeof *s + home.n + 1);

	s->fd = *fd;
	*fd = -1;
	s->tag.trace = trace;
	memcpy(s->home, home.p, home.n);
	LIST_INSERT_HEAD(&buckets[bucket_of(home)], s, next);
	nsessions++;
	watch_set(&s->watch, s->fd, WATCH_READ, on_session, s);
}
