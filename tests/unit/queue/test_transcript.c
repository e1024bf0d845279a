/* Transcripts behind the trailer of a spool file. */
#include "../../../queue/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const struct spool_layout layout = { .id = 7, .trailer_offset = 1000 };
static struct transcript found[TRANSCRIPTS];
static struct arena arena;
static int fd;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena);
	fd = memfd_create("spool", MFD_CLOEXEC);
	return ftruncate(fd, 1000 + SPOOL_TRAILER);
}

static int teardown(void **state)
{
	(void)state;
	close(fd);
	arena_clear(&arena);
	return 0;
}

static void write_one(int64_t time, uint32_t first, uint32_t n, const char *text)
{
	struct transcripts *all = NULL;
	struct transcript t = { .time = time, .n = n, .text = str_of(text) };

	for (uint32_t i = 0; i < n; i++)
		t.targets[i] = first + i;
	transcripts_add(&all, &t);
	transcripts_write(all, fd, &layout);
	transcripts_free(all);
}

static unsigned look(void)
{
	return transcripts_read(fd, &layout, &arena, found);
}

static void test_latest_counts(void **state)
{
	off_t size;

	(void)state;
	assert_int_equal(look(), 0);
	write_one(1000, 1, 3, "all three");
	write_one(2000, 2, 1, "the second again");
	assert_int_equal(look(), 2);
	assert_true(str_eq(found[0].text, STR("the second again")) && found[0].n == 1);
	assert_int_equal(found[1].n, 2);
	assert_int_equal(found[1].targets[0], 1);
	assert_int_equal(found[1].targets[1], 3);
	size = lseek(fd, 0, SEEK_END);
	/* what is about the same, or more, takes the place of the last time */
	for (int i = 0; i < 50; i++)
		write_one(3000 + i, 1, 3, "all three again");
	assert_int_equal(look(), 1);
	assert_true(str_eq(found[0].text, STR("all three again")) && found[0].time == 3049);
	assert_int_equal(lseek(fd, 0, SEEK_END), size);
}

static void test_bounded(void **state)
{
	struct transcripts *all = NULL;
	static char text[3 * TRANSCRIPT_MAX];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	for (int64_t i = 0; i < 100; i++)
		transcripts_add(&all,
		    &(struct transcript){
			.time = i, .n = 1, .targets = { (uint32_t)i }, .text = STR("short") });
	transcripts_write(all, fd, &layout);
	transcripts_free(all);
	for (uint32_t i = 100; i < 103; i++)
		write_one(i, i, 1, text);
	assert_int_equal(look(), TRANSCRIPTS);
	for (unsigned i = 0; i < TRANSCRIPTS; i++)
		assert_int_equal(found[i].targets[0], 102 - i);
	assert_int_equal(found[0].text.n, TRANSCRIPT_MAX);
	assert_true(lseek(fd, 0, SEEK_END) < 1000 + TRANSCRIPTS * (TRANSCRIPT_MAX + 1024));
}

/* Another message's, or damaged ones, are none. */
static void test_damage(void **state)
{
	struct spool_layout other = layout;

	(void)state;
	write_one(1, 1, 1, "text");
	other.id = 8;
	assert_int_equal(transcripts_read(fd, &other, &arena, found), 0);
	assert_int_equal(look(), 1);
	assert_int_equal(pwrite(fd, "y", 1, 1000 + SPOOL_TRAILER + 30), 1);
	assert_int_equal(look(), 0);
	write_one(2, 1, 1, "text");
	assert_int_equal(look(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_latest_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
