/*
 * deliver-maildir: takes jobs from the queue and puts messages into Maildirs, as the owner of each.
 * It parses nothing of a message. All work is done by threads (worker.c); this one only takes what
 * master says.
 */
#include "base/loop.h"
#include "become.h"
#include "mailbox.h"
#include "proto/proc.h"
#include "worker.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

enum {
	FDS_OTHER = 64, /* channels, directories, standard streams */
	FDS_PER_THREAD = 6, /* body, file, and directories while a mailbox is opened */
	FDS_PER_MAILBOX = 2,
	KEEP_MAX = 1024, /* mailboxes held open */
	DRAIN_POLL_MS = 20,
};

static unsigned threads;
static struct timer drain_timer;

/* As many mailboxes stay open as descriptors are left for them. */
static unsigned keep_open(void)
{
	struct rlimit rl;
	rlim_t used = FDS_OTHER + (rlim_t)threads * FDS_PER_THREAD;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur <= used)
		return 0;
	if (rl.rlim_cur == RLIM_INFINITY || (rl.rlim_cur - used) / FDS_PER_MAILBOX > KEEP_MAX)
		return KEEP_MAX;
	return (unsigned)((rl.rlim_cur - used) / FDS_PER_MAILBOX);
}

static int maildir_open(void)
{
	const struct conf *c = proc_conf();

	threads = (unsigned)conf_int(c, "maildir_threads");
	become_init(proc_is_root(), (uint32_t)conf_int(c, "mailbox_uid_min"),
	    (uint32_t)conf_int(c, "mailbox_uid_max"));
	mailbox_init(proc_fd("mail"), keep_open());
	return 0;
}

static int maildir_start(void)
{
	if (worker_start(threads, conf_str(proc_conf(), "hostname")) == 0)
		return 0;
	proc_fatal("maildir-no-threads", str_of(strerror(errno)));
}

static void exit_when_idle(void *arg)
{
	if (worker_busy() == 0)
		proc_exit(0);
	timer_set(&drain_timer, DRAIN_POLL_MS, exit_when_idle, arg);
}

static void maildir_drain(void)
{
	worker_drain();
	timer_set(&drain_timer, DRAIN_POLL_MS, exit_when_idle, NULL);
}

static void maildir_status(struct buf *out)
{
	struct worker_counts n = worker_counts();

	buf_printf(out,
	    "threads %u\nbusy %u\njobs %llu\ndelivered %llu\nfailed %llu\npackets %llu\n", threads,
	    worker_busy(), (unsigned long long)n.jobs, (unsigned long long)n.delivered,
	    (unsigned long long)n.failed, (unsigned long long)n.packets);
}

static void queue_channel(int fd, unsigned instance)
{
	(void)instance;
	worker_queue(fd);
}

static void notify_channel(int fd, unsigned instance)
{
	(void)instance;
	worker_notify(fd);
}

static const struct peer_spec peers[] = {
	{ .role = ROLE_QUEUE, .raw = queue_channel },
	{ .role = ROLE_NOTIFY, .raw = notify_channel },
	{ 0 },
};

int main(void)
{
	static const struct program program = {
		.role = ROLE_MAILDIR,
		.peers = peers,
		.open = maildir_open,
		.start = maildir_start,
		.drain = maildir_drain,
		.status = maildir_status,
	};

	return proc_main(&program);
}
