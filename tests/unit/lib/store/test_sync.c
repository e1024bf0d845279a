/* The threads that sync beside other work. */
#include "rig.h"

#include "store/sync.h"

/* As in every program that sends packets: a thread's stack has room for that, too. */
static _Thread_local char packet[64 * 1024];

static void beside(void **state)
{
	struct rig *r = *state;
	int dir = open(r->home, O_RDONLY | O_DIRECTORY), file;
	struct syncer y;

	packet[0] = 1;
	rig_file(r, "file", "text");
	file = openat(dir, "file", O_RDONLY);
	assert_true(file != -1);
	syncer_init(&y);
	syncer_rest(&y);
	for (int i = 0; i < 3; i++) {
		syncer_begin(&y, file, dir);
		assert_true(y.w[SYNC_FILE].there && y.w[SYNC_DIR].there);
		assert_int_equal(syncer_end(&y), 0);
		if (i == 1)
			syncer_rest(&y);
	}
	syncer_clear(&y);
	close(file);
	close(dir);
}

/* Each of the two counts, and a fault is not one of the next time. */
static void failing(void **state)
{
	struct rig *r = *state;
	int dir = open(r->home, O_RDONLY | O_DIRECTORY), ends[2];
	struct syncer y;

	assert_int_equal(pipe(ends), 0);
	syncer_init(&y);
	syncer_begin(&y, ends[0], dir);
	assert_int_equal(syncer_end(&y), -1);
	assert_int_equal(errno, EINVAL);
	syncer_begin(&y, dir, ends[0]);
	assert_int_equal(syncer_end(&y), -1);
	assert_int_equal(errno, EINVAL);
	syncer_begin(&y, dir, dir);
	assert_int_equal(syncer_end(&y), 0);
	syncer_clear(&y);
	close(ends[0]);
	close(ends[1]);
	close(dir);
}

/* Where there may be no threads. */
static void alone(void **state)
{
	struct rig *r = *state;
	int dir = open(r->home, O_RDONLY | O_DIRECTORY);
	struct syncer y;

	syncer_init(&y);
	syncer_begin(&y, dir, dir);
	assert_int_equal(syncer_end(&y), 0);
	syncer_rest(&y);
	y.w[SYNC_FILE].fd = y.w[SYNC_DIR].fd = dir;
	assert_int_equal(syncer_end(&y), 0);
	y.w[SYNC_FILE].fd = dir;
	y.w[SYNC_DIR].fd = -2;
	assert_int_equal(syncer_end(&y), -1);
	assert_int_equal(errno, EBADF);
	syncer_clear(&y);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { RIG_TEST(beside), RIG_TEST(failing), RIG_TEST(alone) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
