/* The account database: batches, uids and homes that are never given twice, the change log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../../services/auth/accounts.h"

static char dir[64];
static int dir_fd;
static const struct change_by root = { 0, 42 };
static const struct account_owner own = { 0, 0 };

static void open_again(void)
{
	char why[256];

	accounts_close();
	if (accounts_open(dir, dir_fd, why) == -1)
		fail_msg("%s", why);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/thurn-test-accounts.XXXXXX");
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	open_again();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	accounts_close();
	unlinkat(dir_fd, "data.mdb", 0);
	unlinkat(dir_fd, "changes.log", 0);
	close(dir_fd);
	rmdir(dir);
	return 0;
}

static enum accounts_result add(const char *address, struct account_record *r)
{
	enum accounts_result result;

	*r = (struct account_record){ .enabled = true, .hash = "$y$x", .quota = 7 };
	snprintf(r->address, sizeof r->address, "%s", address);
	assert_int_equal(accounts_begin(), ACCOUNTS_OK);
	result = accounts_add(r, own, root);
	assert_int_equal(accounts_commit(), 0);
	return result;
}

static void change(enum accounts_result (*fn)(const char *, struct change_by), const char *address)
{
	assert_int_equal(accounts_begin(), ACCOUNTS_OK);
	assert_int_equal(fn(address, root), ACCOUNTS_OK);
	assert_int_equal(accounts_commit(), 0);
}

static enum accounts_result ready(const char *address, struct change_by by)
{
	(void)by;
	return accounts_ready(address);
}

static void test_life(void **state)
{
	struct account_record r, found;

	(void)state;
	assert_int_equal(accounts_find("alice@example.org", &found), ACCOUNTS_MISSING);
	assert_int_equal(accounts_find("", &found), ACCOUNTS_MISSING);
	assert_int_equal(add("alice@example.org", &r), ACCOUNTS_OK);
	assert_int_equal(r.uid, ACCOUNT_UID_MIN);
	assert_int_equal(r.gid, ACCOUNT_UID_MIN);
	open_again();
	assert_int_equal(accounts_find("alice@example.org", &found), ACCOUNTS_OK);
	assert_string_equal(found.home, "example.org/alice");
	assert_string_equal(found.hash, "$y$x");
	assert_int_equal(found.state, ACCOUNT_MAKING);
	assert_int_equal(found.quota, 7);
	change(ready, "alice@example.org");
	assert_int_equal(add("alice@example.org", &r), ACCOUNTS_EXISTS);
	assert_int_equal(accounts_begin(), ACCOUNTS_OK);
	assert_int_equal(accounts_set_hash("alice@example.org", "$6$y", root), ACCOUNTS_OK);
	assert_int_equal(accounts_set_hash("bob@example.org", "$6$y", root), ACCOUNTS_MISSING);
	assert_int_equal(accounts_commit(), 0);
	open_again();
	assert_int_equal(accounts_find("alice@example.org", &found), ACCOUNTS_OK);
	assert_string_equal(found.hash, "$6$y");
	assert_int_equal(found.state, ACCOUNT_READY);
}

/* Neither uid nor home comes back after a deletion, and a failed start keeps both for the next try.
 */
static void test_nothing_is_given_twice(void **state)
{
	struct account_record r;

	(void)state;
	assert_int_equal(add("alice@example.org", &r), ACCOUNTS_OK);
	assert_int_equal(add("alice@example.org", &r), ACCOUNTS_OK); /* taken up again */
	assert_int_equal(r.uid, ACCOUNT_UID_MIN);
	change(ready, "alice@example.org");
	change(accounts_delete, "alice@example.org");
	assert_int_equal(accounts_find("alice@example.org", &r), ACCOUNTS_MISSING);
	open_again();
	assert_int_equal(add("alice@example.org", &r), ACCOUNTS_OK);
	assert_int_equal(r.uid, ACCOUNT_UID_MIN + 1);
	assert_string_equal(r.home, "example.org/alice~1");
}

static bool count(const struct account_record *r, void *arg)
{
	unsigned *n = arg;

	(void)r;
	return ++*n < 3;
}

static void test_each(void **state)
{
	struct account_record r;
	unsigned n = 0;

	(void)state;
	assert_int_equal(add("a@x", &r), ACCOUNTS_OK);
	assert_int_equal(add("b@x", &r), ACCOUNTS_OK);
	assert_int_equal(add("c@x", &r), ACCOUNTS_OK);
	assert_int_equal(add("d@x", &r), ACCOUNTS_OK);
	assert_int_equal(accounts_each("", count, &n), ACCOUNTS_OK);
	assert_int_equal(n, 3);
	n = 0;
	assert_int_equal(accounts_each("b@x", count, &n), ACCOUNTS_OK);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(accounts_each("d@x", count, &n), ACCOUNTS_OK);
	assert_int_equal(n, 0);
}

static void test_change_log(void **state)
{
	struct account_record r;
	char text[1024];
	int fd;
	ssize_t n;

	(void)state;
	assert_int_equal(add("alice@example.org", &r), ACCOUNTS_OK);
	change(accounts_delete, "alice@example.org");
	fd = openat(dir_fd, "changes.log", O_RDONLY);
	n = read(fd, text, sizeof text - 1);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text,
	    " add alice@example.org home=example.org/alice uid=1879048192 by-uid=0 by-pid=42\n"));
	assert_non_null(strstr(text, " delete alice@example.org "));
}

static void test_one_owner(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		execl("/proc/self/exe", "test_accounts", "second", dir, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_links_are_refused(void **state)
{
	char why[256];

	(void)state;
	accounts_close();
	unlinkat(dir_fd, "changes.log", 0);
	assert_int_equal(symlinkat("/tmp/thurn-test-target", dir_fd, "changes.log"), 0);
	assert_int_equal(accounts_open(dir, dir_fd, why), -1);
	unlinkat(dir_fd, "changes.log", 0);
	open_again();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_given_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_are_refused, setup, teardown),
	};

	if (argc == 3) { /* the second process of test_one_owner */
		char why[256];

		return accounts_open(argv[2], open(argv[2], O_RDONLY | O_DIRECTORY), why) == -1 ? 0
												: 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
