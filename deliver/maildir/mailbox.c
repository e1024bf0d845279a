/* Mailbox directories, checked and kept open. See mailbox.h. */
#include "mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "base/round.h"
#include "fault.h"
#include "proto/lookup.h"
#include "proto/notify.h"

enum {
	BUCKETS = 512,
	PATH_SIZE = HOME_MAX + FOLDER_MAX + 32,
	DIR_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	TRIES = 3, /* when directories are exchanged under our feet */
};

enum state { OPENING, READY, STALE };

struct mailbox {
	LIST_ENTRY(mailbox) chain; /* while not STALE */
	TAILQ_ENTRY(mailbox) idle; /* while nobody uses it */
	enum state state;
	unsigned refs;
	uid_t owner;
	int tmp, new;
	dev_t dev; /* of new/ */
	ino_t ino;
	char base[PATH_SIZE]; /* home/Maildir or home/Maildir/.Folder; also the key */
	size_t home_len;

	/* grouped sync of new/: those who have linked since the one that runs began */
	struct landings waiting;
	bool syncing;
	int error; /* a sync has failed: nothing more is durable here */
	pthread_cond_t wake; /* opened */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, mailbox) table[BUCKETS];
static TAILQ_HEAD(idle_list, mailbox) idle = TAILQ_HEAD_INITIALIZER(idle);
static unsigned nidle, keep_open = 64;

static struct round rounds;
static int mail_dir = -1;

void mailbox_init(int dir, unsigned keep)
{
	mail_dir = dir;
	keep_open = keep;
	round_init(&rounds);
}

/* --- directories ----------------------------------------------------------------------------- */

/* As it must be before anything is written there: owned by its user, closed to everyone else. */
static int check_dir(int fd, uid_t owner, struct stat *st)
{
	if (fstat(fd, st) == -1)
		return -1;
	if (!S_ISDIR(st->st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	if (st->st_uid != owner || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int open_checked(int parent, const char *name, uid_t owner)
{
	struct stat st;
	int fd = openat(parent, name, DIR_FLAGS);

	if (fd != -1 && check_dir(fd, owner, &st) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* The same, and makes what is missing: durable before it returns. */
static int open_or_make(int parent, const char *name, uid_t owner, bool *made)
{
	int fd = open_checked(parent, name, owner);

	if (fd != -1 || errno != ENOENT)
		return fd;
	if (mkdirat(parent, name, 0700) == -1 && errno != EEXIST)
		return -1;
	fd = open_checked(parent, name, owner);
	if (fd == -1)
		return -1;
	if (fsync(fd) == -1 || fsync(parent) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	*made = true;
	return fd;
}

static int open_home(struct str home, uid_t owner)
{
	struct open_how how = {
		.flags = DIR_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	char path[HOME_MAX + 1];
	struct stat st;
	int fd;

	if (home.n == 0 || str_copy(home, path, sizeof path) == -1) {
		errno = EINVAL;
		return -1;
	}
	fd = (int)syscall(SYS_openat2, mail_dir, path, &how, sizeof how);
	if (fd != -1 && check_dir(fd, owner, &st) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/*
 * The mark by which Maildir++ tells a folder from a Maildir of its own. A pipe of that name, which
 * the owner may have put there in the meantime, must not make the thread wait for a reader.
 */
static int mark_folder(int dir)
{
	int fd = openat(
	    dir, "maildirfolder", O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd == -1)
		return -1;
	close(fd);
	return fsync(dir);
}

/* Replaces *dir by its subdirectory. */
static int descend(int *dir, const char *name, uid_t owner, bool *made)
{
	int fd = open_or_make(*dir, name, owner, made);
	int saved = errno;

	close(*dir);
	*dir = fd;
	errno = saved;
	return fd == -1 ? -1 : 0;
}

static int open_three(struct mailbox *m, int base)
{
	bool made = false;
	struct stat st;
	int cur;

	m->tmp = open_or_make(base, "tmp", m->owner, &made);
	if (m->tmp == -1)
		return -1;
	cur = open_or_make(base, "cur", m->owner, &made);
	if (cur == -1)
		return -1;
	close(cur);
	m->new = open_or_make(base, "new", m->owner, &made);
	if (m->new == -1 || fstat(m->new, &st) == -1)
		return -1;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	return 0;
}

/* Opens what m is named for. -1 with errno and in *what the thing that failed. */
static int open_dirs(struct mailbox *m, const char **what)
{
	struct str base = str_of(m->base);
	int dir = open_home(str_take(base, m->home_len), m->owner);
	const char *folder = strstr(m->base + m->home_len, "/Maildir/");
	bool made = false;
	int r = -1, saved;

	*what = "home of the mailbox";
	if (dir == -1)
		return -1;
	*what = "Maildir";
	if (descend(&dir, "Maildir", m->owner, &made) == -1)
		return -1;
	if (folder != NULL) {
		made = false;
		if (descend(&dir, folder + strlen("/Maildir/"), m->owner, &made) == -1)
			return -1;
		if (made && mark_folder(dir) == -1)
			goto out;
	}
	r = open_three(m, dir);
out:
	saved = errno;
	close(dir);
	errno = saved;
	return r;
}

/* The name still leads to the directory that is open: one look that costs about a microsecond. */
static bool still_there(const struct mailbox *m)
{
	char path[PATH_SIZE + 8];
	struct stat st;

	snprintf(path, sizeof path, "%s/new", m->base);
	return fstatat(mail_dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_ino == m->ino && st.st_dev == m->dev && st.st_uid == m->owner &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* --- the table ------------------------------------------------------------------------------- */

static size_t bucket(const char *base)
{
	uint32_t h = 2166136261u;

	for (; *base != '\0'; base++)
		h = (h ^ (unsigned char)*base) * 16777619u;
	return h % BUCKETS;
}

static struct mailbox *find(const char *base, uid_t owner)
{
	struct mailbox *m;

	LIST_FOREACH (m, &table[bucket(base)], chain)
		if (m->owner == owner && strcmp(m->base, base) == 0)
			return m;
	return NULL;
}

static void destroy(struct mailbox *m)
{
	if (m->tmp != -1)
		close(m->tmp);
	if (m->new != -1)
		close(m->new);
	pthread_cond_destroy(&m->wake);
	free(m);
}

static void retire(struct mailbox *m)
{
	if (m->state != STALE)
		LIST_REMOVE(m, chain);
	m->state = STALE;
}

static void take(struct mailbox *m)
{
	if (m->refs++ == 0) {
		TAILQ_REMOVE(&idle, m, idle);
		nidle--;
	}
}

static void release(struct mailbox *m)
{
	if (--m->refs > 0)
		return;
	if (m->state == STALE) {
		destroy(m);
		return;
	}
	TAILQ_INSERT_TAIL(&idle, m, idle);
	nidle++;
	while (nidle > keep_open) {
		m = TAILQ_FIRST(&idle);
		TAILQ_REMOVE(&idle, m, idle);
		nidle--;
		retire(m);
		destroy(m);
	}
}

static struct mailbox *add(const char *base, size_t home_len, uid_t owner)
{
	struct mailbox *m = xcalloc(1, sizeof *m);

	memcpy(m->base, base, strlen(base) + 1);
	m->home_len = home_len;
	m->owner = owner;
	m->tmp = m->new = -1;
	m->refs = 1;
	m->state = OPENING;
	TAILQ_INIT(&m->waiting);
	pthread_cond_init(&m->wake, NULL);
	LIST_INSERT_HEAD(&table[bucket(base)], m, chain);
	return m;
}

/* Under the lock, which is given up while directories are opened. */
static struct mailbox *open_new(const char *base, size_t home_len, uid_t owner, struct status *st)
{
	struct mailbox *m = add(base, home_len, owner);
	const char *what;
	int r, err;

	pthread_mutex_unlock(&lock);
	r = open_dirs(m, &what);
	err = errno;
	pthread_mutex_lock(&lock);
	if (r == 0)
		m->state = READY;
	else
		retire(m);
	pthread_cond_broadcast(&m->wake);
	if (r == 0)
		return m;
	release(m);
	fault_status(st, err, what);
	return NULL;
}

/* Under the lock: a ready mailbox out of the table, or NULL when there is none any more. */
static struct mailbox *reuse(struct mailbox *m)
{
	bool there;

	take(m);
	while (m->state == OPENING)
		pthread_cond_wait(&m->wake, &lock);
	if (m->state == READY) {
		pthread_mutex_unlock(&lock);
		there = still_there(m);
		pthread_mutex_lock(&lock);
		if (there)
			return m;
		retire(m);
	}
	release(m);
	return NULL;
}

static int make_base(char out[PATH_SIZE], struct str home, struct str folder)
{
	int n;

	if (home.n == 0 || home.n > HOME_MAX || folder.n > FOLDER_MAX ||
	    memchr(home.p, '\0', home.n) != NULL)
		return -1;
	/* "." and "..": the dot in front makes them ".." and "..." */
	if (folder.n > 0 && (memchr(folder.p, '/', folder.n) != NULL ||
				memchr(folder.p, '\0', folder.n) != NULL || folder.p[0] == '.'))
		return -1;
	n = snprintf(out, PATH_SIZE, "%.*s/Maildir%s%.*s", STR_ARG(home), folder.n > 0 ? "/." : "",
	    STR_ARG(folder));
	return n < PATH_SIZE ? 0 : -1;
}

struct mailbox *mailbox_open(struct str home, struct str folder, uid_t owner, struct status *st)
{
	char base[PATH_SIZE];
	struct mailbox *m = NULL;

	if (make_base(base, home, folder) == -1) {
		status_set(st, 451, "4.3.5", "name of the mailbox is not valid");
		return NULL;
	}
	status_set(st, 451, "4.2.0", "directory of the mailbox keeps changing");
	pthread_mutex_lock(&lock);
	for (int i = 0; i < TRIES && m == NULL; i++) {
		m = find(base, owner);
		if (m == NULL) {
			m = open_new(base, home.n, owner, st);
			break;
		}
		m = reuse(m);
	}
	pthread_mutex_unlock(&lock);
	return m;
}

void mailbox_put(struct mailbox *m, bool broken)
{
	pthread_mutex_lock(&lock);
	if (broken)
		retire(m);
	release(m);
	pthread_mutex_unlock(&lock);
}

void mailbox_close_all(void)
{
	struct mailbox *m;

	pthread_mutex_lock(&lock);
	while ((m = TAILQ_FIRST(&idle)) != NULL) {
		TAILQ_REMOVE(&idle, m, idle);
		nidle--;
		retire(m);
		destroy(m);
	}
	pthread_mutex_unlock(&lock);
}

int mailbox_tmp(const struct mailbox *m)
{
	return m->tmp;
}

int mailbox_new(const struct mailbox *m)
{
	return m->new;
}

int mailbox_subdir(const struct mailbox *m, const char *name)
{
	struct open_how how = {
		.flags = DIR_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	char path[PATH_SIZE + 8];

	snprintf(path, sizeof path, "%s/%s", m->base, name);
	return (int)syscall(SYS_openat2, mail_dir, path, &how, sizeof how);
}

/* --- grouped sync ---------------------------------------------------------------------------- */

/* Under the lock, which is given up meanwhile: one of the two syncs that it needs. */
static void one_done(struct landing *l, int error)
{
	if (l->error == 0)
		l->error = error;
	if (--l->left > 0)
		return;
	pthread_mutex_unlock(&lock);
	l->done(l, l->error, l->last);
	pthread_mutex_lock(&lock);
}

/* The first who waits in a round that has begun, or NULL. */
static struct landing *first_waiting(const struct mailbox *m)
{
	struct landing *l = TAILQ_FIRST(&m->waiting);

	return l != NULL && l->round <= rounds.number ? l : NULL;
}

/* One sync of the directory for all of these. */
static void sync_group(struct mailbox *m)
{
	struct landings served = TAILQ_HEAD_INITIALIZER(served);
	struct landing *l;

	while ((l = first_waiting(m)) != NULL) {
		TAILQ_REMOVE(&m->waiting, l, waiting);
		TAILQ_INSERT_TAIL(&served, l, waiting);
	}
	TAILQ_LAST(&served, landings)->last = true;
	if (m->error == 0) {
		int r;

		pthread_mutex_unlock(&lock);
		r = fsync(m->new) == -1 ? errno : 0;
		crash_point("maildir.after_sync_new");
		pthread_mutex_lock(&lock);
		m->error = r;
	}
	while ((l = TAILQ_FIRST(&served)) != NULL) {
		TAILQ_REMOVE(&served, l, waiting);
		one_done(l, m->error);
	}
}

/* For as long as there is something to sync, unless another thread does it. */
static void sync_mailbox(struct mailbox *m)
{
	if (m->syncing)
		return;
	m->syncing = true;
	m->refs++; /* whoever waits gives it back when it is served */
	while (first_waiting(m) != NULL)
		sync_group(m);
	m->syncing = false;
	release(m);
}

static void sync_file(struct landing *l)
{
	int error;

	pthread_mutex_unlock(&lock);
	error = fsync(l->fd) == -1 ? errno : 0;
	if (close(l->fd) == -1 && error == 0)
		error = errno;
	crash_point("maildir.after_sync_file");
	pthread_mutex_lock(&lock);
	one_done(l, error);
}

void mailbox_expect(void)
{
	pthread_mutex_lock(&lock);
	round_expect(&rounds);
	pthread_mutex_unlock(&lock);
}

void mailbox_sync(struct landings *list)
{
	struct landing *l;

	pthread_mutex_lock(&lock);
	if (TAILQ_EMPTY(list)) {
		round_forgo(&rounds);
		pthread_mutex_unlock(&lock);
		return;
	}
	TAILQ_FOREACH (l, list, next) {
		l->left = 2;
		l->round = rounds.number + 1;
		TAILQ_INSERT_TAIL(&l->box->waiting, l, waiting);
	}
	round_join(&rounds, &lock);
	while ((l = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, l, next);
		sync_mailbox(l->box);
		sync_file(l);
	}
	round_leave(&rounds);
	pthread_mutex_unlock(&lock);
}
