/* Homes: made whole, made once, never outside, never another's. As root with uids, else without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../../master/spawn/home.h"
#include "../../remove_tree.h"

static char dir[64];
static int mail = -1;
static struct owners owners;
static uint32_t uid, gid;

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/thurn-test-home.XXXXXX");
	assert_non_null(mkdtemp(dir));
	mail = open(dir, O_RDONLY | O_DIRECTORY);
	owners = (struct owners){ geteuid() == 0, 100000, 200000 };
	uid = geteuid() == 0 ? 100001 : geteuid();
	gid = geteuid() == 0 ? 100001 : getegid();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(mail);
	return remove_tree(dir);
}

static void assert_owned(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(fstatat(mail, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(st.st_mode & 07777, mode);
}

static int make(const char *home)
{
	struct status st;

	return home_make(mail, &owners, str_of(home), uid, gid, &st) == 0 ? 0 : st.code;
}

static void test_made(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(make("example.org/alice"), 0);
		assert_owned("example.org/alice", 0700);
		assert_owned("example.org/alice/Maildir", 0700);
		assert_owned("example.org/alice/Maildir/tmp", 0700);
		assert_owned("example.org/alice/Maildir/new", 0700);
		assert_owned("example.org/alice/Maildir/cur", 0700);
	}
	assert_int_equal(fstatat(mail, "example.org", &st, 0), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode & 0777, 0711);
	fd = home_open(mail, STR("example.org/alice"), uid);
	assert_true(fd != -1);
	close(fd);
	assert_int_equal(home_open(mail, STR("example.org/alice"), uid + 1), -1);
	assert_int_equal(home_open(mail, STR("example.org/bob"), uid), -1);
}

/* A try that a crash has cut short is completed. */
static void test_completed(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(mail, "example.org", 0711), 0);
	assert_int_equal(mkdirat(mail, "example.org/alice", 0700), 0);
	assert_int_equal(mkdirat(mail, "example.org/alice/Maildir", 0700), 0);
	assert_int_equal(mkdirat(mail, "example.org/alice/Maildir/tmp", 0700), 0);
	assert_int_equal(make("example.org/alice"), 0);
	assert_owned("example.org/alice", 0700);
	assert_owned("example.org/alice/Maildir/tmp", 0700);
	assert_owned("example.org/alice/Maildir/cur", 0700);
}

static void test_bad_names(void **state)
{
	static const char *const names[] = { "", "/", "a", "a/", "/a", "a/b/c", "../x", "a/..",
		"a/.b", ".a/b", "a/b c", "a/B", "a/b\n", "a//b", "./a", "a/\xc3\xbc" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_int_equal(make(names[i]), 554);
		assert_int_equal(home_open(mail, str_of(names[i]), uid), -1);
	}
	assert_false(home_valid(STR("a/b\0c")));
	assert_true(home_valid(STR("%5b1%5d/a%2fb~1")));
}

static void test_links_are_not_followed(void **state)
{
	char outside[] = "/tmp/thurn-test-outside.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(outside));
	assert_int_equal(symlinkat(outside, mail, "example.org"), 0);
	assert_int_equal(make("example.org/alice"), 451);
	assert_int_equal(unlinkat(mail, "example.org", 0), 0);
	assert_int_equal(mkdirat(mail, "example.org", 0711), 0);
	assert_int_equal(symlinkat(outside, mail, "example.org/alice"), 0);
	assert_int_equal(make("example.org/alice"), 451);
	assert_int_equal(home_open(mail, STR("example.org/alice"), uid), -1);
	assert_int_equal(rmdir(outside), 0); /* nothing was made there */
}

static void test_owners(void **state)
{
	struct status st;

	(void)state;
	assert_false(owner_valid(&(struct owners){ true, 100, 200 }, 0, 100));
	assert_false(owner_valid(&(struct owners){ true, 100, 200 }, 100, 0));
	assert_false(owner_valid(&(struct owners){ true, 100, 200 }, 201, 200));
	assert_false(owner_valid(&(struct owners){ true, 100, 200 }, UINT32_MAX, 200));
	assert_true(owner_valid(&(struct owners){ true, 100, 200 }, 200, 100));
	assert_false(owner_valid(&(struct owners){ false, 0, 0 }, geteuid() + 1, getegid()));
	assert_true(owner_valid(&(struct owners){ false, 0, 0 }, geteuid(), getegid()));
	if (!owners.root)
		return;
	assert_int_equal(make("example.org/alice"), 0);
	/* the home is another's */
	assert_int_equal(home_make(mail, &owners, STR("example.org/alice"), uid + 1, gid, &st), -1);
	assert_int_equal(st.code, 451);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made, setup, teardown),
		cmocka_unit_test_setup_teardown(test_completed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_are_not_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owners, setup, teardown),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
