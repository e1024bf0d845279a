/* One message into one mailbox: files, names, repeats, and what is refused. */
#include "../../../../deliver/maildir/deliver.h"
#include "../../../../deliver/maildir/become.h"
#include "../../../../deliver/maildir/claim.h"
#include "../../remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char root[64];
static int root_fd;
static struct desk *desk;

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/deliver-test-XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(root_fd, "example.org", 0755);
	mkdirat(root_fd, "example.org/alice", 0700);
	become_init(false, 0, 0);
	mailbox_init(root_fd, 2);
	desk = desk_new(STR("host.test"));
	return root_fd == -1 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	mailbox_close_all();
	desk_free(desk);
	close(root_fd);
	return remove_tree(root);
}

static int body_of(const char *text)
{
	int fd = memfd_create("body", MFD_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

/* A delivery whose end can be waited for: another thread's sync may bring it. */
struct waiter {
	struct delivery d;
	bool done, news;
};

static void delivery_done(struct delivery *d, bool news)
{
	struct waiter *w = (struct waiter *)d;

	pthread_mutex_lock(&lock);
	w->done = true;
	w->news = news;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

/* The first recipient of a job, to its end. */
static bool deliver_one(struct desk *with, const struct deliver_job *j, int fd, struct status *st)
{
	struct landings list = TAILQ_HEAD_INITIALIZER(list);
	struct waiter w = { .d = { .job = j, .rcpt = j->rcpts, .st = st, .done = delivery_done } };
	struct claim claim;

	claim_take(&claim, j);
	mailbox_expect();
	deliver(with, &w.d, fd, &list);
	mailbox_sync(&list);
	pthread_mutex_lock(&lock);
	while (!w.done)
		pthread_cond_wait(&ended, &lock);
	pthread_mutex_unlock(&lock);
	claim_drop(&claim);
	return w.news;
}

static struct status send_to(struct deliver_rcpt r, uint64_t id, const char *text)
{
	struct deliver_job j = {
		.id = id,
		.arrival = 1700000000000000,
		.sender = STR("bob@example.net"),
		.body_size = strlen(text),
		.rcpts = &r,
		.nrcpts = 1,
	};
	struct status st = { 0 };
	int fd = body_of(text);

	deliver_one(desk, &j, fd, &st);
	close(fd);
	return st;
}

static struct deliver_rcpt alice(void)
{
	return (struct deliver_rcpt){ .addr = STR("alice@example.org"),
		.home = STR("example.org/alice"),
		.uid = 1879048192,
		.gid = 1879048192 };
}

/* Entries of a directory; the last one's name in name. */
static int count(const char *path, char name[256])
{
	int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	int n = 0;

	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		if (name != NULL)
			snprintf(name, 256, "%s", e->d_name);
	}
	closedir(d);
	return n;
}

static const char body[] = "Received: from x\r\n\tby y\r\nSubject: t\r\n\r\nline\r\n.\r\n";

static void test_content(void **state)
{
	static const char want[] =
	    "Return-Path: <bob@example.net>\nDelivered-To: alice@example.org\n"
	    "Received: from x\n\tby y\nSubject: t\n\nline\n.\n";
	struct status st = send_to(alice(), 5, body);
	char name[256], expect[256], path[600], text[512];
	struct stat file;
	ssize_t n;
	int fd;

	(void)state;
	assert_int_equal(st.code, 250);
	assert_int_equal(count("example.org/alice/Maildir/new", name), 1);
	assert_int_equal(count("example.org/alice/Maildir/tmp", NULL), 0);
	assert_int_equal(count("example.org/alice/Maildir/cur", NULL), 0);
	snprintf(expect, sizeof expect, "1700000000.QaaaaaaaaaaaafR0.host.test,S=%zu,W=%zu",
	    sizeof want - 1, sizeof want - 1 + 8);
	assert_string_equal(name, expect);
	snprintf(path, sizeof path, "example.org/alice/Maildir/new/%s", name);
	fd = openat(root_fd, path, O_RDONLY);
	n = read(fd, text, sizeof text);
	assert_int_equal(n, sizeof want - 1);
	assert_memory_equal(text, want, sizeof want - 1);
	assert_int_equal(fstat(fd, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	close(fd);
}

static void test_repeat_is_one(void **state)
{
	struct deliver_rcpt again = alice();
	char name[256], from[600], to[600];

	(void)state;
	assert_int_equal(send_to(alice(), 5, body).code, 250);
	/* the same job again: EEXIST */
	assert_int_equal(send_to(alice(), 5, body).code, 250);
	assert_int_equal(count("example.org/alice/Maildir/new", name), 1);
	/* a client has seen it: only "maybe" looks into cur/ */
	again.maybe = true;
	snprintf(from, sizeof from, "example.org/alice/Maildir/new/%s", name);
	snprintf(to, sizeof to, "example.org/alice/Maildir/cur/%s:2,S", name);
	assert_int_equal(renameat(root_fd, from, root_fd, to), 0);
	assert_int_equal(send_to(again, 5, body).code, 250);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 0);
	/* and has expunged it */
	assert_int_equal(mkdirat(root_fd, "example.org/alice/Maildir/gone", 0700), 0);
	snprintf(from, sizeof from, "example.org/alice/Maildir/gone/%s", name);
	assert_int_equal(renameat(root_fd, to, root_fd, from), 0);
	assert_int_equal(send_to(again, 5, body).code, 250);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 0);
	/* another slot of the same message is another recipient */
	again.slot = 1;
	assert_int_equal(send_to(again, 5, body).code, 250);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 1);
}

/* From a process that has died: of another pid, and of the pid that this one has got now. */
static void test_left_in_tmp(void **state)
{
	struct deliver_rcpt again = alice();
	char path[256];

	(void)state;
	assert_int_equal(send_to(alice(), 5, body).code, 250);
	for (long pid = getpid(); pid <= getpid() + 1; pid++) {
		int fd;

		snprintf(path, sizeof path,
		    "example.org/alice/Maildir/tmp/1700000000.QaaaaaaaaaaaagR0.host.test.%ld", pid);
		fd = openat(root_fd, path, O_WRONLY | O_CREAT, 0600);
		assert_int_equal(write(fd, "half", 4), 4);
		close(fd);
	}
	assert_int_equal(send_to(alice(), 6, body).code, 250);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 2);
	assert_int_equal(count("example.org/alice/Maildir/tmp", NULL), 1);
	again.maybe = true;
	assert_int_equal(send_to(again, 6, body).code, 250);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 2);
	assert_int_equal(count("example.org/alice/Maildir/tmp", NULL), 0);
}

/* What a power cut has left of an attempt, which may be known of or not, is replaced. */
static void test_twin_that_is_not_whole(void **state)
{
	char name[256], path[600];

	(void)state;
	for (int maybe = 0; maybe < 2; maybe++) {
		struct deliver_rcpt r = alice();
		struct stat before, after;

		r.maybe = maybe;
		assert_int_equal(send_to(alice(), 5, body).code, 250);
		count("example.org/alice/Maildir/new", name);
		snprintf(path, sizeof path, "%s/example.org/alice/Maildir/new/%s", root, name);
		assert_int_equal(stat(path, &before), 0);
		assert_int_equal(truncate(path, 3), 0);
		assert_int_equal(send_to(r, 5, body).code, 250);
		assert_int_equal(count("example.org/alice/Maildir/new", NULL), 1);
		assert_int_equal(count("example.org/alice/Maildir/tmp", NULL), 0);
		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(after.st_size, before.st_size);
	}
}

static void test_folder(void **state)
{
	struct deliver_rcpt r = alice();

	(void)state;
	r.folder = STR("Lists.thurn");
	assert_int_equal(send_to(r, 5, body).code, 250);
	assert_int_equal(count("example.org/alice/Maildir/.Lists.thurn/new", NULL), 1);
	assert_int_equal(
	    faccessat(root_fd, "example.org/alice/Maildir/.Lists.thurn/maildirfolder", F_OK, 0), 0);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), -1);
}

/* A wrong name, place or owner defers: nothing here is the sender's fault. */
static void test_refused(void **state)
{
	static const struct {
		const char *home, *folder, *enhanced;
	} bad[] = {
		{ "example.org/nobody", "", "4.2.0" },
		{ "../etc", "", "4.3.5" },
		{ "/tmp", "", "4.3.5" },
		{ "example.org/../../etc", "", "4.3.5" },
		{ "", "", "4.3.5" },
		{ "example.org/link", "", "4.3.5" },
		{ "example.org/file", "", "4.3.5" },
		{ "example.org/open", "", "4.3.5" },
		{ "example.org/alice", "a/b", "4.3.5" },
		{ "example.org/alice", "..", "4.3.5" },
		{ "example.org/alice", "./../x", "4.3.5" },
		{ "example.org/foreign", "", "4.3.5" },
	};

	(void)state;
	assert_int_equal(symlinkat("alice", root_fd, "example.org/link"), 0);
	close(openat(root_fd, "example.org/file", O_WRONLY | O_CREAT, 0600));
	mkdirat(root_fd, "example.org/open", 0700);
	assert_int_equal(fchmodat(root_fd, "example.org/open", 0777, 0), 0);
	mkdirat(root_fd, "example.org/foreign", 0700);
	if (geteuid() == 0)
		assert_int_equal(fchownat(root_fd, "example.org/foreign", 12345, 0, 0), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct deliver_rcpt r = alice();
		struct status st;

		if (geteuid() != 0 && strcmp(bad[i].home, "example.org/foreign") == 0)
			continue;
		r.home = str_of(bad[i].home);
		r.folder = str_of(bad[i].folder);
		st = send_to(r, 5, body);
		assert_int_equal(st.code, 451);
		assert_string_equal(st.enhanced, bad[i].enhanced);
	}
	assert_int_equal(count("example.org/alice", NULL), 0);
}

/* The Maildir as a link into another user's home. */
static void test_linked_maildir(void **state)
{
	(void)state;
	mkdirat(root_fd, "example.org/bob", 0700);
	mkdirat(root_fd, "example.org/bob/Maildir", 0700);
	assert_int_equal(symlinkat("../bob/Maildir", root_fd, "example.org/alice/Maildir"), 0);
	assert_int_equal(send_to(alice(), 5, body).code, 451);
	assert_int_equal(count("example.org/bob/Maildir", NULL), 0);
}

/* A home that was deleted or exchanged while its directories were held open. */
static void test_exchanged_home(void **state)
{
	(void)state;
	assert_int_equal(send_to(alice(), 5, body).code, 250);
	assert_int_equal(renameat(root_fd, "example.org/alice", root_fd, "example.org/old"), 0);
	assert_int_equal(send_to(alice(), 6, body).code, 451);
	mkdirat(root_fd, "example.org/alice", 0700);
	assert_int_equal(send_to(alice(), 7, body).code, 250);
	assert_int_equal(count("example.org/old/Maildir/new", NULL), 1);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 1);
}

static void test_edits(void **state)
{
	struct edit edits[] = {
		{ EDIT_INSERT, 0, STR("X-Top"), STR(" 1") },
		{ EDIT_DELETE, 1, STR("subject"), STR_NONE },
	};
	struct deliver_rcpt r = alice();
	struct deliver_job j = { .id = 9,
		.body_size = sizeof body - 1,
		.edits = edits,
		.nedits = 2,
		.rcpts = &r,
		.nrcpts = 1 };
	static const char want[] = "Return-Path: <>\nDelivered-To: alice@example.org\nX-Top: 1\n"
				   "Received: from x\n\tby y\n\nline\n.\n";
	struct status st = { 0 };
	char name[256], path[600], text[512];
	int fd = body_of(body);

	(void)state;
	deliver_one(desk, &j, fd, &st);
	close(fd);
	assert_int_equal(st.code, 250);
	count("example.org/alice/Maildir/new", name);
	snprintf(path, sizeof path, "example.org/alice/Maildir/new/%s", name);
	fd = openat(root_fd, path, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof text), sizeof want - 1);
	assert_memory_equal(text, want, sizeof want - 1);
	close(fd);
}

static void test_large_and_short(void **state)
{
	static const char top[] =
	    "Return-Path: <bob@example.net>\nDelivered-To: alice@example.org\n";
	size_t n = 3 * 1024 * 1024 + 1;
	char *big = malloc(n + 1), name[256], expect[64];
	struct deliver_rcpt r = alice();
	struct deliver_job j = { .id = 10, .body_size = n + 1, .rcpts = &r, .nrcpts = 1 };
	struct status st = { 0 };
	size_t lines = 0;
	int fd;

	(void)state;
	for (size_t i = 0; i < n; i++)
		big[i] = i % 77 == 75 ? '\r' : i % 77 == 76 ? '\n' : 'x';
	big[n] = '\0';
	for (size_t i = 1; i < n; i++)
		lines += big[i] == '\n';
	assert_int_equal(send_to(alice(), 8, big).code, 250);
	count("example.org/alice/Maildir/new", name);
	snprintf(
	    expect, sizeof expect, ",S=%zu,W=%zu", n - lines + strlen(top), n + strlen(top) + 2);
	assert_non_null(strstr(name, expect));
	/* less there than the queue said: a torn message must not get into a mailbox */
	fd = body_of(big);
	deliver_one(desk, &j, fd, &st);
	close(fd);
	assert_int_equal(st.code, 451);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 1);
	assert_int_equal(count("example.org/alice/Maildir/tmp", NULL), 0);
	free(big);
}

static void *deliver_many(void *arg)
{
	struct desk *own = desk_new(STR("host.test"));
	uint64_t base = (uint64_t)(uintptr_t)arg;

	for (uint64_t i = 0; i < 25; i++) {
		struct deliver_rcpt r = alice();
		/* every id comes up in two threads */
		struct deliver_job j = { .id = base / 2 * 100 + i + 1,
			.body_size = sizeof body - 1,
			.rcpts = &r,
			.nrcpts = 1 };
		struct status st = { 0 };
		int fd = body_of(body);

		deliver_one(own, &j, fd, &st);
		close(fd);
		if (st.code != 250)
			return (void *)1;
	}
	desk_free(own);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t[8];

	(void)state;
	for (uintptr_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&t[i], NULL, deliver_many, (void *)i), 0);
	for (size_t i = 0; i < 8; i++) {
		void *r;

		pthread_join(t[i], &r);
		assert_null(r);
	}
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 100);
	assert_int_equal(count("example.org/alice/Maildir/tmp", NULL), 0);
}

/* Two recipients of one mailbox share a sync, and one of them brings the news. */
static void test_one_sync_for_all(void **state)
{
	struct deliver_rcpt r[3] = { alice(), alice(), alice() };
	struct deliver_job j = { .id = 11, .body_size = sizeof body - 1, .rcpts = r, .nrcpts = 3 };
	struct landings list = TAILQ_HEAD_INITIALIZER(list);
	struct waiter w[3];
	struct status st[3] = { 0 };
	unsigned news = 0;
	int fd = body_of(body);

	(void)state;
	r[1].slot = 1;
	r[2].slot = 2;
	r[2].home = STR("example.org/nobody");
	mailbox_expect();
	for (size_t i = 0; i < 3; i++) {
		w[i] = (struct waiter){
			.d = { .job = &j, .rcpt = &r[i], .st = &st[i], .done = delivery_done }
		};
		deliver(desk, &w[i].d, fd, &list);
		assert_int_equal(w[i].done, i == 2);
	}
	close(fd);
	assert_int_equal(count("example.org/alice/Maildir/new", NULL), 2);
	mailbox_sync(&list);
	assert_true(TAILQ_EMPTY(&list));
	for (size_t i = 0; i < 3; i++) {
		assert_true(w[i].done);
		assert_int_equal(st[i].code, i == 2 ? 451 : 250);
		news += w[i].news;
	}
	assert_int_equal(news, 1);
}

/* Runs in a child: the calling thread cannot go back. */
static int as_owner(void)
{
	struct deliver_rcpt r = alice();
	struct stat st;
	char name[256], path[600];

	become_init(true, 1879048192, 2147483646);
	if (become(0, 1879048192) != -1 || become(1879048191, 1879048192) != -1 ||
	    become(1879048192, 0) != -1 || become(2147483647, 1879048192) != -1)
		return 1;
	if (send_to(r, 5, body).code != 250)
		return 2;
	r.uid = r.gid = 1879048193; /* not the owner of that home */
	if (send_to(r, 6, body).code != 451)
		return 3;
	become_init(false, 0, 0);
	syscall(SYS_setfsuid, 0ul);
	if (count("example.org/alice/Maildir/new", name) != 1)
		return 4;
	snprintf(path, sizeof path, "example.org/alice/Maildir/new/%s", name);
	if (fstatat(root_fd, path, &st, 0) == -1 || st.st_uid != 1879048192 ||
	    st.st_gid != 1879048192)
		return 5;
	return 0;
}

static void test_owner(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(root, 0755), 0);
	assert_int_equal(fchownat(root_fd, "example.org/alice", 1879048192, 1879048192, 0), 0);
	pid = fork();
	if (pid == 0)
		_exit(as_owner());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_content),
		TEST(test_repeat_is_one),
		TEST(test_left_in_tmp),
		TEST(test_twin_that_is_not_whole),
		TEST(test_folder),
		TEST(test_refused),
		TEST(test_linked_maildir),
		TEST(test_exchanged_home),
		TEST(test_edits),
		TEST(test_large_and_short),
		TEST(test_threads),
		TEST(test_one_sync_for_all),
		TEST(test_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
