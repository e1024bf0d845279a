/* The checkpoint's file: what was written comes back; what was damaged does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../queue/snapshot.h"

static const char *const texts[] = { "", "one", "three" };

/* Two sections: of shard 3 (three items) and of the last. */
static int written(void)
{
	int fd = memfd_create("checkpoint", MFD_CLOEXEC), keep = dup(fd);
	struct snapshot s;
	struct buf b;

	snapshot_begin(&s, fd);
	buf_init(&b, 1 << 20);
	for (uint64_t i = 0; i < 3; i++)
		snapshot_item(&b, (i + 1) << 8 | 3, 100 + i, str_of(texts[i]));
	assert_int_equal(snapshot_add(&s, 3, buf_view(&b), 3), 0);
	buf_reset(&b);
	snapshot_item(&b, 0xff, 7, STR("last"));
	assert_int_equal(snapshot_add(&s, SHARDS - 1, buf_view(&b), 1), 0);
	assert_int_equal(snapshot_end(&s), 0);
	snapshot_close(&s);
	buf_clear(&b);
	return keep;
}

static void test_comes_back(void **state)
{
	struct snapshot s;
	struct snapshot_items items;

	(void)state;
	assert_int_equal(snapshot_open(&s, written()), 0);
	assert_int_equal(snapshot_read(&s, 3, &items), 0);
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t id = (i + 1) << 8 | 3;
		struct str found = snapshot_find(&items, id, 100 + i);

		assert_non_null(found.p);
		assert_true(str_eq(found, str_of(texts[i])));
		/* a file that has been changed since is another one */
		assert_null(snapshot_find(&items, id, 99 + i).p);
		assert_null(snapshot_find(&items, id + 256 * 3, 100 + i).p);
	}
	snapshot_free(&items);
	assert_int_equal(snapshot_read(&s, 4, &items), 0);
	assert_null(snapshot_find(&items, 4, 1).p);
	snapshot_free(&items);
	assert_int_equal(snapshot_read(&s, SHARDS - 1, &items), 0);
	assert_non_null(snapshot_find(&items, 0xff, 7).p);
	snapshot_free(&items);
	snapshot_close(&s);
}

/* Any byte of the header makes all of it nothing, any other byte its section. */
static void test_damage(void **state)
{
	int fd = written();
	off_t size = lseek(fd, 0, SEEK_END);

	(void)state;
	for (off_t at = 0; at < size; at += at < 16 || at > SNAPSHOT_HEADER - 5 ? 1 : 7) {
		struct snapshot_items a, b;
		struct snapshot s;
		uint8_t byte;
		int bad = 0;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		if (at < SNAPSHOT_HEADER) {
			assert_int_equal(snapshot_open(&s, dup(fd)), -1);
		} else {
			assert_int_equal(snapshot_open(&s, dup(fd)), 0);
			bad += snapshot_read(&s, 3, &a) == -1;
			bad += snapshot_read(&s, SHARDS - 1, &b) == -1;
			assert_int_equal(bad, 1);
			snapshot_free(&a);
			snapshot_free(&b);
			snapshot_close(&s);
		}
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	/* cut off anywhere */
	for (off_t n = size - 1; n >= 0; n = n / 2 - 1) {
		struct snapshot s;

		assert_int_equal(ftruncate(fd, n), 0);
		assert_int_equal(snapshot_open(&s, dup(fd)), -1);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
