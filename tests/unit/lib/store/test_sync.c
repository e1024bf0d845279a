/* The thread that syncs beside other work. */
#include "rig.h"

#include "store/sync.h"

/* As in every program that sends packets: a thread's stack has room for that, too. */
static _Thread_local char packet[64 * 1024];

static void beside(void **state)
{
	struct rig *r = *state;
	int dir = open(r->home, O_RDONLY | O_DIRECTORY), file;
	struct sync s;

	packet[0] = 1;
	rig_file(r, "file", "text");
	file = openat(dir, "file", O_RDONLY);
	assert_true(file != -1);
	sync_begin(&s, file, dir);
	assert_true(s.threaded);
	assert_int_equal(sync_end(&s), 0);
	close(file);
	close(dir);
}

static void failing(void **state)
{
	int ends[2];
	struct sync s;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	sync_begin(&s, ends[0], ends[1]);
	assert_int_equal(sync_end(&s), -1);
	assert_int_equal(errno, EINVAL);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { RIG_TEST(beside), RIG_TEST(failing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
