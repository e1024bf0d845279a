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

static bool listed(DIR *d, const struct name *name)
{
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		if (name_matches(name, e->d_name))
			return true;
	return false;
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
	if (r == 0 && errno != 0)
		r = fail(t->d, "search of the mailbox");
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
	else if (fsync(fd) == -1)
		what = "sync of the file";
	saved = errno;
	if (close(fd) == -1 && what == NULL) {
		what = "sync of the file";
		saved = errno;
	}
	if (what != NULL) {
		unlinkat(mailbox_tmp(t->d->landing.box), d->name.tmp, 0);
		errno = saved;
		return fail(t->d, what);
	}
	crash_point("maildir.after_sync_file");
	name_sizes(&d->name, d->copy.crlf.size, d->copy.crlf.wire);
	return 0;
}

/* The name is taken: by an earlier attempt, if the size is right. */
static int check_twin(struct task *t)
{
	struct desk *d = t->desk;
	struct stat st;

	if (fstatat(mailbox_new(t->d->landing.box), d->name.full, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return fail(t->d, "look at an earlier delivery");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != d->copy.crlf.size) {
		errno = EEXIST;
		return fail(t->d, "link into the mailbox");
	}
	return 0;
}

/* From tmp/ into new/. */
static int publish(struct task *t)
{
	const struct name *n = &t->desk->name;
	struct delivery *d = t->d;
	int tmp = mailbox_tmp(d->landing.box);
	int r = 0;

	d->linked = linkat(tmp, n->tmp, mailbox_new(d->landing.box), n->full, 0) == 0;
	if (!d->linked)
		r = errno == EEXIST ? check_twin(t) : fail(d, "link into the mailbox");
	else
		crash_point("maildir.after_link");
	unlinkat(tmp, n->tmp, 0);
	return r;
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
		crash_point("maildir.after_sync_new");
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
