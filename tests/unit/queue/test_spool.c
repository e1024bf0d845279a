/* Directories of the spool: what is made with the first file in them is durable, or nothing in them is. */
#include "../../../queue/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../queue/message.h"
#include "spool_dir.h"

static struct stat root;
static int root_error; /* of the next sync of the root; the kernel tells each failure once */

/* Instead of libc's. */
int fsync(int fd)
{
	struct stat st;

	if (root_error != 0 && fstat(fd, &st) == 0 && st.st_ino == root.st_ino) {
		errno = root_error;
		root_error = 0;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static int setup(void **state)
{
	char why[256];
	int dir = spool_dir_make();

	(void)state;
	assert_int_equal(fstat(dir, &root), 0);
	return spool_open(dir, why);
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(spool_dir);
}

/* Makes a file in that directory, and the directory. */
static void make_in(unsigned dir)
{
	uint64_t id = 1;

	while (spool_dir_of(id) != dir)
		id++;
	close(spool_new_file(id, 0));
}

static void test_root_syncs(void **state)
{
	(void)state;
	make_in(1);
	assert_int_equal(spool_sync_dir(1), 0);
	make_in(2);
	make_in(3);
	root_error = EIO;
	assert_int_equal(spool_sync_dir(2), -1);
	/* never, and not because it is tried again: the kernel has told it all */
	assert_int_equal(spool_sync_dir(2), -1);
	/* what that sync was to write was the other's name as well */
	assert_int_equal(spool_sync_dir(3), -1);
	assert_true(spool_is_lost(2) && spool_is_lost(3) && !spool_is_lost(1));
	assert_int_equal(spool_lost(), 2);
	/* before it, and after it */
	assert_int_equal(spool_sync_dir(1), 0);
	make_in(4);
	assert_int_equal(spool_sync_dir(4), 0);
}

static void test_probe_syncs_the_root(void **state)
{
	(void)state;
	make_in(5);
	root_error = EIO;
	assert_int_equal(spool_probe(), -1);
	assert_int_equal(spool_sync_dir(5), -1);
	assert_int_equal(spool_probe(), 0);
	assert_int_equal(spool_sync_dir(5), -1);
}

/* Some hundred ids in a row share a directory, until it is lost. */
static void test_ids_pass_lost_directories_over(void **state)
{
	unsigned dir;

	(void)state;
	do /* none that the tests before have made */
		dir = spool_dir_of(message_id());
	while (dir <= 5);
	make_in(dir);
	root_error = EIO;
	assert_int_equal(spool_sync_dir(dir), -1);
	for (int i = 0; i < 100000; i++)
		assert_false(spool_is_lost(spool_dir_of(message_id())));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_root_syncs),
		cmocka_unit_test(test_probe_syncs_the_root),
		cmocka_unit_test(test_ids_pass_lost_directories_over) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
