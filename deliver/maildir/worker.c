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
#include "claim.h"
#include "deliver.h"
#include "proto/notify.h"
#include "proto/types.h"

enum {
	STACK = 256 * 1024, /* nothing here recurses; buffers are on the heap */
	NOTICE_MAX = HOME_MAX + FOLDER_MAX + 64,
};

/* A channel to the queue. Closed when the last one has turned away from it. */
struct link {
	int fd;
	unsigned refs; /* threads and jobs, and one for being the current one */
};

/* From the packet to the answer, which a thread gives that has synced for this job and others. */
struct job {
	SLIST_ENTRY(job) next; /* among the spare ones */
	struct arena arena;
	struct deliver_job d;
	struct deliver_result *results; /* in the arena */
	atomic_uint left; /* deliveries without an outcome */
	struct claim claim;
	struct link *link;
	uint32_t id, gen;
};

struct worker {
	struct desk *desk;
	uint8_t packet[IPC_PACKET_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static struct link *current;
static SLIST_HEAD(, job) spare = SLIST_HEAD_INITIALIZER(spare);
static bool draining;

static pthread_mutex_t notify_lock =
    PTHREAD_MUTEX_INITIALIZER; /* so that none sends on a closed one */
static int notify_fd = -1;

static atomic_uint busy;
static atomic_ullong jobs, delivered, failed, packets;

/* --- links ------------------------------------------------------------------------------------ */

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

/* --- jobs ------------------------------------------------------------------------------------- */

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

static struct job *job_new(struct link *l, const struct ipc_msg *m)
{
	struct job *j;

	pthread_mutex_lock(&lock);
	j = SLIST_FIRST(&spare);
	if (j != NULL)
		SLIST_REMOVE_HEAD(&spare, next);
	l->refs++;
	pthread_mutex_unlock(&lock);
	if (j == NULL) {
		j = xcalloc(1, sizeof *j);
		arena_init(&j->arena);
	}
	j->link = l;
	j->id = m->id;
	j->gen = m->gen;
	busy++;
	return j;
}

static void job_free(struct job *j)
{
	arena_reset(&j->arena);
	pthread_mutex_lock(&lock);
	link_release(j->link);
	SLIST_INSERT_HEAD(&spare, j, next);
	pthread_mutex_unlock(&lock);
	busy--;
}

static void answer(const struct job *j)
{
	struct put body = put_start();
	struct ipc_msg m = {
		.type = DELIVER_RESULT, .flags = IPC_REPLY, .id = j->id, .gen = j->gen
	};

	put_results(&body, &(struct deliver_results){ .at = j->results, .n = j->d.nrcpts });
	m.body = put_view(&body);
	/* without an answer the queue takes the job for "unknown" and looks for the file next time
	 */
	if (ipc_send(j->link->fd, &m) == 0)
		packets++;
	crash_point("maildir.after_answer");
}

static void delivery_done(struct delivery *d, bool news)
{
	struct job *j = (struct job *)((char *)(uintptr_t)d->job - offsetof(struct job, d));

	if (status_good(d->st))
		delivered++;
	else
		failed++;
	if (news)
		tell_notify(d->rcpt);
	if (atomic_fetch_sub(&j->left, 1) > 1)
		return;
	claim_drop(&j->claim);
	answer(j);
	log_flush();
	job_free(j);
}

/*
 * All recipients' files are there before the first mailbox is synced: what one sync can do, one
 * does. Afterwards the job is no longer this thread's.
 */
static void run_job(struct worker *w, struct job *j, int body_fd)
{
	struct landings list = TAILQ_HEAD_INITIALIZER(list);
	uint32_t n = j->d.nrcpts;
	struct delivery *d = arena_array(&j->arena, n, sizeof *d);

	j->results = arena_array(&j->arena, n, sizeof *j->results);
	j->left = n;
	claim_take(&j->claim, &j->d);
	mailbox_expect();
	for (uint32_t i = 0; i < n; i++) {
		j->results[i].slot = j->d.rcpts[i].slot;
		d[i] = (struct delivery){ .job = &j->d,
			.rcpt = &j->d.rcpts[i],
			.st = &j->results[i].status,
			.done = delivery_done };
		deliver(w->desk, &d[i], body_fd, &list);
	}
	close(body_fd);
	mailbox_sync(&list);
}

/* -1: the queue says what it must not. */
static int serve(struct worker *w, struct link *l, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct job *j = job_new(l, m);

	if (m->type != DELIVER_JOB || m->nfds != 1 || (m->flags & IPC_REPLY) != 0 ||
	    get_job(&g, &j->arena, &j->d) == -1 || j->d.transport != TRANSPORT_MAILDIR) {
		job_free(j);
		return -1;
	}
	jobs++;
	packets++;
	run_job(w, j, ipc_take_fd(m, 0));
	return 0;
}

/* Until the channel ends. */
static void serve_link(struct worker *w, struct link *l)
{
	for (;;) {
		struct ipc_msg m;
		int r = ipc_recv(l->fd, &m, w->packet);

		if (r == 1) {
			r = serve(w, l, &m);
			ipc_close_fds(&m);
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
