/* Built tables: what the libraries write is what the readers read; damage is a failure, not a
 * crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <db.h>
#include <errno.h>
#include <string.h>

#include "table/build.h"
#include "table_dir.h"

enum { ENTRIES = 3000 };

static const char *const kinds[] = { "hash", "btree", "lmdb" };

static void key_of(unsigned i, char key[64])
{
	snprintf(key, 64, "user%u%.*s@example.org", i * 7919u, (int)(i % 20),
	    "................................");
}

/* Short, long enough for overflow pages, and empty-ish values. */
static size_t value_of(unsigned i, char value[10000])
{
	size_t n = i % 97 == 0 ? 9000 : i % 40 + 1;

	memset(value, 'a' + (int)(i % 26), n);
	value[n] = '\0';
	return n;
}

static void build(const char *kind, unsigned entries)
{
	char why[TABLE_WHY] = "", key[64], value[10000], path[300];
	struct table_build *b;

	snprintf(path, sizeof path, "%s", dir_name(kind));
	b = table_build_new(str_of(kind), path, 0, why);
	if (b == NULL)
		print_error("%s\n", why);
	assert_non_null(b);
	for (unsigned i = 0; i < entries; i++) {
		size_t n = value_of(i, value);

		key_of(i, key);
		assert_int_equal(
		    table_build_put(b, str_of(key), str_bytes(value, n), false, why), 0);
	}
	if (table_build_commit(b, 0640, why) == -1)
		print_error("%s\n", why);
}

static struct table *open_kind(const char *kind)
{
	char spec[64];

	snprintf(spec, sizeof spec, "%s:%s", kind, kind);
	return dir_open(spec);
}

static int note(void *arg, struct str key, struct str value)
{
	unsigned char *seen = arg;
	char want_key[64], want_value[10000];

	for (unsigned i = 0; i < ENTRIES; i++) {
		key_of(i, want_key);
		if (!str_eq(key, str_of(want_key)))
			continue;
		assert_int_equal(value.n, value_of(i, want_value));
		assert_memory_equal(value.p, want_value, value.n);
		seen[i]++;
		return 0;
	}
	fail_msg("unknown key");
	return 1;
}

static void test_round_trip(void **state)
{
	char key[64], value[10000], why[TABLE_WHY];
	static unsigned char seen[ENTRIES];

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct table *t;
		struct stat st;

		build(kinds[k], ENTRIES);
		t = open_kind(kinds[k]);
		for (unsigned i = 0; i < ENTRIES; i++) {
			key_of(i, key);
			key[0] = 'U'; /* folded */
			value_of(i, value);
			want(t, key, value, NULL);
			key[1] = '\x7f';
			want(t, key, NULL, NULL);
		}
		want(t, "", NULL, NULL);
		want(t, "\x7f", NULL, NULL);
		memset(seen, 0, sizeof seen);
		assert_int_equal(table_each(t, note, seen, why), 0);
		for (unsigned i = 0; i < ENTRIES; i++)
			assert_int_equal(seen[i], 1);
		table_close(t);
		snprintf(
		    value, sizeof value, "%s%s", kinds[k], table_type_suffix(str_of(kinds[k])));
		assert_int_equal(fstatat(dir_fd, value, &st, 0), 0);
		assert_int_equal(st.st_mode & 0777, 0640);
		arena_reset(&dir_arena);
	}
}

static void test_empty(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct table *t;

		build(kinds[k], 0);
		t = open_kind(kinds[k]);
		want(t, "x", NULL, NULL);
		table_close(t);
	}
}

static void test_build(void **state)
{
	char why[TABLE_WHY];

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct table_build *b =
		    table_build_new(str_of(kinds[k]), dir_name(kinds[k]), 0, why);
		struct table *t;

		assert_non_null(b);
		assert_int_equal(table_build_put(b, STR("a"), STR("1"), false, why), 0);
		assert_int_equal(table_build_put(b, STR("a"), STR("2"), false, why), 1);
		assert_int_equal(table_build_put(b, STR("b"), STR("1"), false, why), 0);
		assert_int_equal(table_build_put(b, STR("b"), STR("2"), true, why), 1);
		assert_int_equal(table_build_put(b, STR("c"), STR("1"), false, why), 0);
		assert_int_equal(table_build_delete(b, STR("c"), why), 1);
		assert_int_equal(table_build_delete(b, STR("c"), why), 0);
		assert_int_equal(table_build_commit(b, 0600, why), 0);
		t = open_kind(kinds[k]);
		want(t, "a", "1", NULL);
		want(t, "b", "2", NULL);
		want(t, "c", NULL, NULL);
		/* given up: nothing is left behind, the old one stays */
		b = table_build_new(str_of(kinds[k]), dir_name(kinds[k]), 0, why);
		assert_int_equal(table_build_put(b, STR("a"), STR("9"), false, why), 0);
		table_build_abort(b);
		assert_false(table_refresh(t, 1000));
		want(t, "a", "1", NULL);
		/* replaced while open: noticed by inode */
		build(kinds[k], 2);
		assert_true(table_refresh(t, 5000));
		want(t, "a", NULL, NULL);
		want(t, "user7919.@example.org", "bb", NULL);
		table_close(t);
	}
	assert_null(table_build_new(STR("pcre"), dir_name("x"), 0, why));
	assert_null(table_build_new(STR("hash"), dir_name("no/such/x"), 0, why));
}

/* What other programs write: keys without NUL, values with or without, no checksums, version as it
 * is. */
static void test_foreign(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		DB *db;
		DBT key, value;
		struct table *t;
		char path[300];

		memset(&key, 0, sizeof key);
		memset(&value, 0, sizeof value);
		snprintf(path, sizeof path, "%s", dir_name("f.db"));
		assert_int_equal(db_create(&db, NULL, 0), 0);
		assert_int_equal(
		    db->open(db, NULL, path, NULL, k == 0 ? DB_HASH : DB_BTREE, DB_CREATE, 0644),
		    0);
		for (int i = 0; i < 500; i++) {
			char text[32];

			key.data = text;
			key.size = (u_int32_t)snprintf(text, sizeof text, "key%d", i);
			value.data = text;
			value.size = key.size;
			assert_int_equal(db->put(db, NULL, &key, &value, 0), 0);
		}
		for (int i = 0; i < 3; i++) {
			static const char *const names[] = { "lf", "cr", "nul" };

			key.data = (void *)(uintptr_t)names[i];
			key.size = (u_int32_t)strlen(names[i]);
			value.data = (void *)(uintptr_t)(i == 0   ? "a\nb"
							 : i == 1 ? "ab\r"
								  : "a\0b");
			value.size = 3;
			assert_int_equal(db->put(db, NULL, &key, &value, 0), 0);
		}
		assert_int_equal(db->close(db, 0), 0);
		t = dir_open(k == 0 ? "hash:f" : "btree:f");
		want(t, "key77", "key77", k == 0 ? "hash:f(key77)" : "btree:f(key77)");
		want(t, "key", NULL, NULL);
		want_failed(t, "lf", k == 0 ? "hash:f(lf)" : "btree:f(lf)", "line end");
		want_failed(t, "cr", k == 0 ? "hash:f(cr)" : "btree:f(cr)", "line end");
		want_failed(t, "nul", k == 0 ? "hash:f(nul)" : "btree:f(nul)", "or a NUL");
		table_close(t);
		dir_refused(k == 0 ? "btree:f" : "hash:f", "is no ");
		unlinkat(dir_fd, "f.db", 0);
	}
}

/* DB_CONFIG in the working directory is nobody's business. */
static void test_db_config(void **state)
{
	char before[4096];

	(void)state;
	assert_non_null(getcwd(before, sizeof before));
	assert_int_equal(fchdir(dir_fd), 0);
	dir_text("DB_CONFIG", "set_data_dir /nonexistent\nset_lg_dir /nonexistent\nnonsense\n");
	build("hash", 100);
	table_close(open_kind("hash"));
	build("btree", 100);
	table_close(open_kind("btree"));
	assert_int_equal(chdir(before), 0);
}

static void test_stale(void **state)
{
	struct table *t;

	(void)state;
	build("hash", 1);
	dir_text("hash", "a b\n");
	t = open_kind("hash");
	assert_string_equal(table_stale(t), "");
	assert_int_equal(utimensat(dir_fd, "hash", NULL, 0), 0);
	usleep(20000);
	assert_int_equal(utimensat(dir_fd, "hash", NULL, 0), 0);
	table_refresh(t, 10000);
	assert_non_null(strstr(table_stale(t), "hash.db is older than hash"));
	table_close(t);
}

static size_t slurp(const char *name, char *p, size_t max)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, p, max);

	assert_true(n > 0 && (size_t)n < max);
	close(fd);
	return (size_t)n;
}

static int any(void *arg, struct str key, struct str value)
{
	*(size_t *)arg += key.n + value.n;
	return 0;
}

/*
 * Uses a damaged file in every way. Right answers, misses and failures are all allowed without
 * checksums; with them (`sure`) only right answers and failures. Returns how many lookups failed.
 */
static int use(const char *spec, unsigned entries, bool sure)
{
	char why[TABLE_WHY], key[64], value[10000];
	struct table *t = table_open(dir_fd, str_of(spec), 0, why);
	struct table_answer a;
	size_t n = 0;
	int failed = 0;

	if (t == NULL)
		return (int)entries;
	for (unsigned i = 0; i < entries; i++) {
		key_of(i, key);
		switch (table_lookup(t, str_of(key), &dir_arena, &a)) {
		case TABLE_FAILED:
			failed++;
			break;
		case TABLE_NONE:
			assert_false(sure);
			break;
		case TABLE_FOUND:
			if (sure) {
				assert_int_equal(a.value.n, value_of(i, value));
				assert_memory_equal(a.value.p, value, a.value.n);
			}
			break;
		}
	}
	table_each(t, any, &n, why);
	table_close(t);
	arena_reset(&dir_arena);
	return failed;
}

static void test_damage(void **state)
{
	enum { MAX = 4 << 20, FEW = 120 };
	char *good = malloc(MAX), *work = malloc(MAX);

	(void)state;
	srandom(1);
	for (size_t k = 0; k < 3; k++) {
		char spec[32], file[32];
		size_t n;
		int failed = 0;

		snprintf(spec, sizeof spec, "%s:%s", kinds[k], kinds[k]);
		snprintf(file, sizeof file, "%s%s", kinds[k], table_type_suffix(str_of(kinds[k])));
		build(kinds[k], FEW);
		n = slurp(file, good, MAX);
		for (int round = 0; round < 200; round++) {
			memcpy(work, good, n);
			if (round % 4 == 0) { /* a random byte */
				work[(size_t)random() % n] = (char)random();
			} else if (round % 4 == 1) { /* a byte in a page header or an index */
				work[((size_t)random() % n & ~(size_t)4095) +
				     (size_t)random() % 64] = (char)random();
			} else if (round % 4 == 2) { /* many bits */
				for (int i = 0; i < 50; i++)
					work[(size_t)random() % n] ^= (char)(1 << random() % 8);
			} else { /* in the first page */
				work[(size_t)random() % 512] ^= (char)(1 << random() % 8);
			}
			dir_write(file, work, n);
			failed += use(spec, FEW, k < 2);
		}
		assert_true(failed > 0);
		for (size_t cut = 0; cut < n; cut += 2039) {
			dir_write(file, good, cut);
			use(spec, FEW, k < 2);
		}
	}
	free(good);
	free(work);
}

/* The same without checksums, as Postfix writes its files. */
static void test_damage_unsummed(void **state)
{
	enum { MAX = 4 << 20, FEW = 120 };
	char *good = malloc(MAX), *work = malloc(MAX);

	(void)state;
	srandom(2);
	for (int k = 0; k < 2; k++) {
		DB *db;
		size_t n;
		char key_text[64], value_text[10000], path[300];

		snprintf(path, sizeof path, "%s", dir_name("f.db"));
		assert_int_equal(db_create(&db, NULL, 0), 0);
		assert_int_equal(
		    db->open(db, NULL, path, NULL, k == 0 ? DB_HASH : DB_BTREE, DB_CREATE, 0644),
		    0);
		for (unsigned i = 0; i < FEW; i++) {
			DBT key = { .data = key_text }, value = { .data = value_text };

			key_of(i, key_text);
			key.size = (u_int32_t)strlen(key_text) + 1;
			value.size = (u_int32_t)value_of(i, value_text) + 1;
			assert_int_equal(db->put(db, NULL, &key, &value, 0), 0);
		}
		assert_int_equal(db->close(db, 0), 0);
		n = slurp("f.db", good, MAX);
		for (int round = 0; round < 400; round++) {
			memcpy(work, good, n);
			for (int i = 0; i <= round % 8; i++)
				work[((size_t)random() % n & ~(size_t)4095) +
				     (size_t)random() % (round % 2 == 0 ? 32 : 4096)] =
				    (char)random();
			dir_write("f.db", work, n);
			use(k == 0 ? "hash:f" : "btree:f", FEW, false);
		}
		unlinkat(dir_fd, "f.db", 0);
	}
	free(good);
	free(work);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)
	static const struct CMUnitTest tests[] = { ROW(test_round_trip), ROW(test_empty),
		ROW(test_build), ROW(test_foreign), ROW(test_db_config), ROW(test_stale),
		ROW(test_damage), ROW(test_damage_unsummed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
