/* One message into one mailbox. See deliver.h. */
#include "deliver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "base/log.h"
#include "become.h"
#include "copy.h"
#include "fault.h"

enum {
	WRITE_BACK =
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER,
};

struct desk {
	struct copy copy;
	struct name name;
	struct str host;
};

/* The steps that need a desk. */
struct task {
	struct desk *desk;
	struct delivery *d;
	int body_fd;
};

struct desk *desk_new(struct str host)
{
	struct desk *d = xcalloc(1, sizeof *d);

	copy_init(&d->copy);
	d->host = host;
	return d;
}

void desk_free(struct desk *d)
{
	copy_clear(&d->copy);
	free(d);
}

/* Words the failure of errno for the sender's queue and logs it for the administrator. */
static int fail(struct delivery *d, const char *what)
{
	struct tag tag = { .trace = d->job->trace, .queue = d->job->id };
	int err = errno;

	fault_status(d->st, err, what);
	log_warning(&tag, EV("maildir-failed"), KS("to", d->rcpt->addr), KS("home", d->rcpt->home),
	    KZ("step", what), KZ("error", strerror(err)));
	return -1;
}

/* --- a delivery that may have happened already ------------------------------------------------ */

/*
 * That file is whole and durable: 1. 0: it is not whole, because a power cut came before it was
 * synced, and will be replaced. -1 with errno.
 */
static int settle(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r, saved;
	struct stat st;

	if (fd == -1)
		return -1;
	r = fstat(fd, &st);
	if (r == 0)
		r = S_ISREG(st.st_mode) && name_has_size(name, (uint64_t)st.st_size) ? 1 : 0;
	if (r == 1 && fsync(fd) == -1)
		r = -1;
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static int listed(DIR *d, const struct name *name)
{
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		if (name_matches(name, e->d_name))
			return settle(dirfd(d), e->d_name);
	return errno == 0 ? 0 : -1;
}

/*
 * 1 = the message is in that directory, and durably: the attempt that put it there may have died
 * before its sync. 0 = it is not; -1 = not known.
 */
static int search_dir(struct task *t, const char *name)
{
	int fd = mailbox_subdir(t->d->landing.box, name);
	DIR *d;
	int r;

	if (fd == -1)
		return errno == ENOENT ? 0 : fail(t->d, "search of the mailbox");
	d = fdopendir(fd);
	if (d == NULL) {
		fail(t->d, "search of the mailbox");
		close(fd);
		return -1;
	}
	errno = 0;
	r = listed(d, &t->desk->name);
	if (r == -1)
		fail(t->d, "search of the mailbox");
	if (r == 1 && fsync(fd) == -1)
		r = fail(t->d, "sync of the mailbox");
	closedir(d);
	return r;
}

/*
 * What an attempt that died has left in tmp/. If it was not dead after all, its link will fail, and
 * so will its answer.
 */
static void sweep_tmp(struct task *t)
{
	int fd = mailbox_subdir(t->d->landing.box, "tmp");
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (name_matches(&t->desk->name, e->d_name))
			unlinkat(fd, e->d_name, 0);
	closedir(d);
}

/* In the order in which a message wanders through them. */
static int search(struct task *t)
{
	static const char *const dirs[] = { "new", "cur", "gone" };
	int r = 0;

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0] && r == 0; i++)
		r = search_dir(t, dirs[i]);
	sweep_tmp(t);
	return r;
}

/* --- a new file ------------------------------------------------------------------------------- */

/* In tmp/; what stands there under this name is from a dead process that had the same pid. */
static int create(struct task *t)
{
	int tmp = mailbox_tmp(t->d->landing.box);
	const char *name = t->desk->name.tmp;
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(tmp, name, flags, 0600);

	if (fd == -1 && errno == EEXIST && unlinkat(tmp, name, 0) == 0)
		fd = openat(tmp, name, flags, 0600);
	return fd;
}

static int write_file(struct task *t)
{
	struct desk *d = t->desk;
	int fd = create(t);
	const char *what = NULL;
	int saved;

	if (fd == -1) {
		t->d->broken = errno == ENOENT;
		return fail(t->d, "creation of the file");
	}
	if (copy_message(&d->copy, t->d->job, t->d->rcpt, t->body_fd, fd) == -1)
		what = "writing of the file";
	else if (sync_file_range(fd, 0, 0, WRITE_BACK) == -1)
		what = "sync of the file";
	if (what != NULL) {
		saved = errno;
		close(fd);
		unlinkat(mailbox_tmp(t->d->landing.box), d->name.tmp, 0);
		errno = saved;
		return fail(t->d, what);
	}
	t->d->landing.fd = fd;
	crash_point("maildir.after_write");
	name_sizes(&d->name, d->copy.crlf.size, d->copy.crlf.wire);
	return 0;
}

/*
 * From tmp/ into new/. Where the name is taken already an earlier attempt has left it, whose content
 * may be lost in part: this file replaces it.
 */
static int publish(struct task *t)
{
	const struct name *n = &t->desk->name;
	struct delivery *d = t->d;
	int tmp = mailbox_tmp(d->landing.box), new = mailbox_new(d->landing.box);

	d->linked = linkat(tmp, n->tmp, new, n->full, 0) == 0 ||
		    (errno == EEXIST && renameat(tmp, n->tmp, new, n->full) == 0);
	if (d->linked) {
		crash_point("maildir.after_link");
		unlinkat(tmp, n->tmp, 0);
		return 0;
	}
	fail(d, "link into the mailbox");
	close(d->landing.fd);
	unlinkat(tmp, n->tmp, 0);
	return -1;
}

/* True when it stands in new/. */
static bool land(struct task *t)
{
	if (t->d->rcpt->maybe) {
		int r = search(t);

		if (r == 1)
			status_set(t->d->st, 250, "2.0.0", "was delivered to mailbox before");
		if (r != 0)
			return false;
	}
	return write_file(t) == 0 && publish(t) == 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void end(struct delivery *d, bool news)
{
	if (d->landing.box != NULL)
		mailbox_put(d->landing.box, d->broken);
	d->done(d, news);
}

/* A sync is not repeated: the next attempt is to begin with a fresh file. */
static void take_back(struct delivery *d)
{
	d->broken = true;
	fail(d, "sync of the mailbox");
	/* the thread may have been busy for another user last */
	if (d->linked && become(d->rcpt->uid, d->rcpt->gid) == 0)
		unlinkat(mailbox_new(d->landing.box), d->name, 0);
}

static void synced(struct landing *l, int error, bool last)
{
	struct delivery *d = (struct delivery *)((char *)l - offsetof(struct delivery, landing));

	if (error == 0) {
		status_set(d->st, 250, "2.0.0", "delivered to mailbox");
	} else {
		errno = error;
		take_back(d);
	}
	end(d, last && error == 0);
}

/* NULL with a 4xx in d->st. */
static struct mailbox *enter(struct delivery *d)
{
	const struct deliver_rcpt *r = d->rcpt;
	struct tag tag = { .trace = d->job->trace, .queue = d->job->id };
	struct mailbox *box;

	if (become(r->uid, r->gid) == -1) {
		fail(d, "becoming the owner of the mailbox");
		return NULL;
	}
	box = mailbox_open(r->home, r->folder, become_owner(r->uid), d->st);
	if (box == NULL)
		log_warning(&tag, EV("maildir-unavailable"), KS("to", r->addr), KS("home", r->home),
		    KI("uid", r->uid), KZ("reason", d->st->text));
	return box;
}

void deliver(struct desk *desk, struct delivery *d, int body_fd, struct landings *list)
{
	struct task t = { .desk = desk, .d = d, .body_fd = body_fd };

	d->linked = d->broken = false;
	d->landing = (struct landing){ .box = enter(d), .done = synced };
	name_make(&desk->name, d->job->arrival, d->job->id, d->rcpt->slot, desk->host);
	if (d->landing.box == NULL || !land(&t)) {
		end(d, status_good(d->st));
		return;
	}
	memcpy(d->name, desk->name.full, sizeof d->name);
	TAILQ_INSERT_TAIL(list, &d->landing, next);
}
