/* A directory of its own for a test of tables. */
#ifndef TEST_TABLE_DIR_H
#define TEST_TABLE_DIR_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../remove_tree.h"
#include "table/table.h"

static char dir_path[64];
static int dir_fd = -1;
static struct arena dir_arena;

static inline int dir_setup(void **state)
{
	(void)state;
	snprintf(dir_path, sizeof dir_path, "/tmp/thurn-table-XXXXXX");
	assert_non_null(mkdtemp(dir_path));
	dir_fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(dir_fd, -1);
	arena_init(&dir_arena);
	return 0;
}

static inline int dir_teardown(void **state)
{
	(void)state;
	close(dir_fd);
	arena_clear(&dir_arena);
	return remove_tree(dir_path);
}

static inline char *dir_name(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", dir_path, name);
	return path;
}

/* Writes a file in place; its times are set ten seconds back, as if nobody had just written it. */
static inline void dir_write(const char *name, const void *text, size_t n)
{
	struct timespec t[2];
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, n), n);
	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= 10;
	t[1] = t[0];
	assert_int_equal(futimens(fd, t), 0);
	close(fd);
}

static inline void dir_text(const char *name, const char *text)
{
	dir_write(name, text, strlen(text));
}

static inline struct table *dir_open(const char *spec)
{
	char why[TABLE_WHY] = "";
	struct table *t = table_open(dir_fd, str_of(spec), 0, why);

	if (t == NULL)
		print_error("%s: %s\n", spec, why);
	assert_non_null(t);
	return t;
}

/* The table must not open, and the reason must have this in it. */
static inline void dir_refused(const char *spec, const char *part)
{
	char why[TABLE_WHY] = "";

	assert_null(table_open(dir_fd, str_of(spec), 0, why));
	if (strstr(why, part) == NULL)
		print_error("%s: \"%s\" lacks \"%s\"\n", spec, why, part);
	assert_non_null(strstr(why, part));
}

static inline void want(struct table *t, const char *key, const char *value, const char *rule)
{
	struct table_answer a;
	enum table_result r = table_lookup(t, str_of(key), &dir_arena, &a);

	if (r == TABLE_FAILED)
		print_error("%s: %.*s: %.*s\n", key, STR_ARG(a.rule), STR_ARG(a.why));
	assert_int_equal(r, value == NULL ? TABLE_NONE : TABLE_FOUND);
	if (value != NULL) {
		assert_string_equal(arena_z(&dir_arena, a.value), value);
		if (rule != NULL)
			assert_string_equal(arena_z(&dir_arena, a.rule), rule);
	}
}

static inline void want_failed(struct table *t, const char *key, const char *rule, const char *part)
{
	struct table_answer a;

	assert_int_equal(table_lookup(t, str_of(key), &dir_arena, &a), TABLE_FAILED);
	assert_string_equal(arena_z(&dir_arena, a.rule), rule);
	assert_non_null(strstr(arena_z(&dir_arena, a.why), part));
}

#endif
