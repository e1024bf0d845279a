/* The threads that deliver. See worker.h. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/crash.h"
#include "base/ipc.h"
#include "base/log.h"
#include "deliver.h"
#include "proto/notify.h"
#include "proto/types.h"

enum {
	STACK = 256 * 1024, /* nothing here recurses; buffers are on the heap */
	NOTICE_MAX = HOME_MAX + FOLDER_MAX + 64,
};

/* A channel to the queue. Closed when the last thread has turned away from it. */
struct link {
	int fd;
	unsigned refs; /* threads, and one for being the current one */
};

struct worker {
	struct desk *desk;
	struct arena arena;
	uint8_t packet[IPC_PACKET_MAX];
	struct deliver_result results[JOB_RCPTS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static struct link *current;
static bool draining;

static pthread_mutex_t notify_lock =
    PTHREAD_MUTEX_INITIALIZER; /* so that none sends on a closed one */
static int notify_fd = -1;

static atomic_uint busy;
static atomic_ullong jobs, delivered, failed, packets;

/* --- links -------------------------------------------------------------------------------------
 */

/* Under the lock. */
static void link_release(struct link *l)
{
	if (--l->refs > 0)
		return;
	close(l->fd);
	free(l);
}

static void link_put(struct link *l)
{
	pthread_mutex_lock(&lock);
	link_release(l);
	pthread_mutex_unlock(&lock);
}

/* Blocks until there is one. */
static struct link *link_get(void)
{
	struct link *l;

	pthread_mutex_lock(&lock);
	while (current == NULL || draining)
		pthread_cond_wait(&arrived, &lock);
	l = current;
	l->refs++;
	pthread_mutex_unlock(&lock);
	return l;
}

/* The other end has gone, or is not to be listened to any more. */
static void link_lost(struct link *l)
{
	pthread_mutex_lock(&lock);
	/* while draining, other threads still have answers to send in it */
	if (current == l && !draining) {
		current = NULL;
		/* wakes the threads that still wait in it */
		shutdown(l->fd, SHUT_RDWR);
		link_release(l);
	}
	pthread_mutex_unlock(&lock);
}

void worker_queue(int fd)
{
	struct link *l = xcalloc(1, sizeof *l);
	int flags = fcntl(fd, F_GETFL);

	if (flags != -1)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	*l = (struct link){ .fd = fd, .refs = 1 };
	pthread_mutex_lock(&lock);
	if (current != NULL) {
		shutdown(current->fd, SHUT_RDWR);
		link_release(current);
	}
	current = l;
	pthread_cond_broadcast(&arrived);
	pthread_mutex_unlock(&lock);
}

void worker_notify(int fd)
{
	pthread_mutex_lock(&notify_lock);
	if (notify_fd != -1)
		close(notify_fd);
	notify_fd = fd;
	pthread_mutex_unlock(&notify_lock);
}

void worker_drain(void)
{
	pthread_mutex_lock(&lock);
	draining = true;
	/* answers can still be sent */
	if (current != NULL)
		shutdown(current->fd, SHUT_RD);
	pthread_mutex_unlock(&lock);
}

/* --- jobs --------------------------------------------------------------------------------------
 */

/* Lost when notify does not keep up: sessions look for themselves from time to time. */
static void tell_notify(const struct deliver_rcpt *r)
{
	uint8_t space[NOTICE_MAX];
	struct put w = put_into(space, sizeof space);
	struct ipc_msg m = { .type = NOTIFY_DELIVERED };

	put_str(&w, r->home);
	put_str(&w, r->folder);
	if (w.bad)
		return;
	m.body = put_view(&w);
	pthread_mutex_lock(&notify_lock);
	if (notify_fd != -1 && ipc_send(notify_fd, &m) == 0)
		packets++;
	pthread_mutex_unlock(&notify_lock);
}

static void run_job(struct worker *w, const struct deliver_job *j, int body_fd)
{
	for (uint32_t i = 0; i < j->nrcpts; i++) {
		struct deliver_result *r = &w->results[i];

		*r = (struct deliver_result){ .slot = j->rcpts[i].slot };
		deliver(w->desk, j, &j->rcpts[i], body_fd, &r->status);
		if (status_good(&r->status))
			delivered++;
		else
			failed++;
	}
}

static void answer(struct worker *w, struct link *l, const struct ipc_msg *to, uint32_t n)
{
	struct put body = put_start();
	struct ipc_msg m = {
		.type = DELIVER_RESULT, .flags = IPC_REPLY, .id = to->id, .gen = to->gen
	};

	put_results(&body, w->results, n);
	m.body = put_view(&body);
	/* without an answer the queue takes the job for "unknown" and looks for the file next time
	 */
	if (ipc_send(l->fd, &m) == 0)
		packets++;
	crash_point("maildir.after_answer");
}

/* -1: the queue says what it must not. */
static int serve(struct worker *w, struct link *l, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct deliver_job job;
	int fd;

	if (m->type != DELIVER_JOB || m->nfds != 1 || (m->flags & IPC_REPLY) != 0 ||
	    get_job(&g, &w->arena, &job) == -1 || job.transport != TRANSPORT_MAILDIR)
		return -1;
	fd = ipc_take_fd(m, 0);
	jobs++;
	packets++;
	run_job(w, &job, fd);
	close(fd);
	answer(w, l, m, job.nrcpts);
	for (uint32_t i = 0; i < job.nrcpts; i++)
		if (status_good(&w->results[i].status))
			tell_notify(&job.rcpts[i]);
	return 0;
}

/* Until the channel ends. */
static void serve_link(struct worker *w, struct link *l)
{
	for (;;) {
		struct ipc_msg m;
		int r = ipc_recv(l->fd, &m, w->packet);

		if (r == 1) {
			busy++;
			r = serve(w, l, &m);
			ipc_close_fds(&m);
			arena_reset(&w->arena);
			log_flush();
			busy--;
			if (r == 0)
				continue;
			errno = EBADMSG;
			r = -1;
		}
		if (r == -1) {
			log_error(NULL, EV("maildir-bad-job"), KERRNO);
			log_flush();
		}
		link_lost(l);
		return;
	}
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		struct link *l = link_get();

		serve_link(w, l);
		link_put(l);
	}
	return NULL;
}

int worker_start(unsigned n, struct str host)
{
	pthread_attr_t attr;
	int r = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (unsigned i = 0; i < n && r == 0; i++) {
		struct worker *w = xcalloc(1, sizeof *w);
		pthread_t id;

		w->desk = desk_new(host);
		arena_init(&w->arena);
		r = pthread_create(&id, &attr, worker_main, w);
	}
	pthread_attr_destroy(&attr);
	errno = r;
	return r == 0 ? 0 : -1;
}

unsigned worker_busy(void)
{
	return busy;
}

struct worker_counts worker_counts(void)
{
	return (struct worker_counts){
		.jobs = jobs, .delivered = delivered, .failed = failed, .packets = packets
	};
}
