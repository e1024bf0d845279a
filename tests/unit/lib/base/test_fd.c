/* Files read whole, and at a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static void test_read_file(void **state)
{
	char dir[] = "/tmp/thurn-fd-XXXXXX";
	struct str s = STR_NONE;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(fd_read_file("f", 3, &s), -1);
	assert_int_equal(errno, ENOENT);
	fd = open("f", O_CREAT | O_RDWR, 0600);
	assert_int_equal(fd_write_at(fd, "abc", 3, 0), 0);
	assert_int_equal(fd_read_file("f", 3, &s), 0);
	assert_true(str_eq(s, STR("abc")));
	str_free(&s);
	assert_int_equal(fd_read_file("f", 2, &s), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(fd_read_file("f", 0, &s), 0);
	assert_int_equal(s.n, 0);
	str_free(&s);
	close(fd);
	unlink("f");
	assert_int_equal(mkfifo("f", 0600), 0);
	assert_int_equal(fd_read_file("f", 3, &s), -1);
	assert_int_equal(errno, EINVAL);
	unlink("f");
	assert_int_equal(fd_read_file(".", 100000, &s), -1);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_read_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
