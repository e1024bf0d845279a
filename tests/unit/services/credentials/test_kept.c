/* Refresh tokens on the disk: each for what the file has, whole or not at all, and not for ever. */
#include "../../../../services/credentials/kept.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char top[] = "/tmp/thurn-test-kept-XXXXXX";
static int dir = -1;
static char out[CREDENTIAL_SECRET_MAX + 1];

static struct entry login(const char *endpoint, const char *client, const char *secret)
{
	return (struct entry){ .kind = CREDENTIAL_TOKEN,
		.endpoint = str_of(endpoint),
		.client = str_of(client),
		.secret = str_of(secret) };
}

static void name_of(const char *secret, char name[KEPT_NAME])
{
	struct entry e = login("https://id.test/t", "us", secret);

	kept_name(&e, name);
}

static void test_names(void **state)
{
	static const struct {
		const char *endpoint, *client, *secret;
	} all[] = { { "https://a", "b", "c" }, { "https://ab", "", "c" }, { "https://a", "bc", "" },
		{ "https://a", "b", "d" } };
	enum { ALL = sizeof all / sizeof all[0] };
	char names[ALL][KEPT_NAME];
	struct entry e;

	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		e = login(all[i].endpoint, all[i].client, all[i].secret);
		kept_name(&e, names[i]);
		assert_int_equal(strlen(names[i]), KEPT_NAME - 1);
		assert_int_equal(strspn(names[i], "0123456789abcdef"), KEPT_NAME - 1);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(names[k], names[i]);
	}
	/* whoever it is for, and with what scope: the token is the same one */
	e = login("https://a", "b", "c");
	e.user = STR("somebody");
	e.scope = STR("mail");
	kept_name(&e, names[1]);
	assert_string_equal(names[0], names[1]);
}

static void test_kept(void **state)
{
	char name[KEPT_NAME], other[KEPT_NAME], large[CREDENTIAL_SECRET_MAX];

	(void)state;
	name_of("first", name);
	name_of("another", other);
	assert_int_equal(kept_read(name, out), 0);
	assert_int_equal(kept_write(name, STR("second, and long")), 0);
	assert_int_equal(kept_read(name, out), 1);
	assert_string_equal(out, "second, and long");
	assert_int_equal(kept_write(name, STR("third")), 0);
	assert_int_equal(kept_read(name, out), 1);
	assert_string_equal(out, "third");
	assert_int_equal(kept_read(other, out), 0);
	memset(large, 'x', sizeof large);
	assert_int_equal(kept_write(other, str_bytes(large, sizeof large)), 0);
	assert_int_equal(kept_read(other, out), 1);
	assert_int_equal(strlen(out), sizeof large);
}

/* What a broken-off write of an earlier process has left is in nobody's way. */
static void test_remains(void **state)
{
	char name[KEPT_NAME];
	struct stat st;

	(void)state;
	name_of("remains", name);
	close(openat(dir, "new", O_WRONLY | O_CREAT, 0644));
	assert_int_equal(kept_write(name, STR("whole")), 0);
	assert_int_equal(kept_read(name, out), 1);
	assert_string_equal(out, "whole");
	assert_int_equal(fstatat(dir, name, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* damage is not "none": the endpoint would see the token of the file a second time */
	close(openat(dir, name, O_WRONLY | O_TRUNC));
	assert_int_equal(kept_read(name, out), -1);
}

static void test_tidy(void **state)
{
	struct entry e = login("https://id.test/t", "us", "still there");
	const struct file f = { .at = &e, .n = 1 };
	char needed[KEPT_NAME], left[KEPT_NAME];
	const int64_t day = 86400;

	(void)state;
	name_of("still there", needed);
	name_of("left", left);
	assert_int_equal(kept_write(needed, STR("a")), 0);
	assert_int_equal(kept_write(left, STR("b")), 0);
	kept_tidy(&f, time(NULL) + 29 * day);
	assert_int_equal(kept_read(left, out), 1);
	kept_tidy(&f, time(NULL) + 31 * day);
	assert_int_equal(kept_read(left, out), 0);
	assert_int_equal(kept_read(needed, out), 1);
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(top) == NULL)
		return -1;
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	kept_open(dir);
	return dir == -1 ? -1 : 0;
}

static int tear_down(void **state)
{
	const struct file none = { .n = 0 };

	(void)state;
	kept_tidy(&none, INT64_MAX);
	close(dir);
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_remains),
		cmocka_unit_test(test_tidy),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
