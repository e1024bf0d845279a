/* What is remembered of passwords that were right, for how long, and what makes it forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../../../services/auth/pool.h"
#include "../../../../services/auth/recent.h"

enum { AGE = 60000, NOW = 1000000 };

static bool knows(const char *address, const char *hash, const char *password, uint64_t now)
{
	uint8_t mark[RECENT_BYTES];

	recent_mark(str_of(address), str_of(hash), str_of(password), mark);
	return recent_knows(str_of(address), mark, now, AGE);
}

static void learn(const char *address, const char *hash, const char *password, uint64_t now)
{
	uint8_t mark[RECENT_BYTES];

	recent_mark(str_of(address), str_of(hash), str_of(password), mark);
	recent_learn(str_of(address), mark, now);
}

static void test_one(void **state)
{
	(void)state;
	assert_false(knows("a@b", "$y$x", "secret", NOW));
	learn("a@b", "$y$x", "secret", NOW);
	assert_true(knows("a@b", "$y$x", "secret", NOW));
	assert_true(knows("a@b", "$y$x", "secret", NOW + AGE - 1));
	assert_false(knows("a@b", "$y$x", "secret", NOW + AGE));
	assert_false(knows("a@b", "$y$x", "Secret", NOW));
	assert_false(knows("a@b", "$y$x", "", NOW));
	assert_false(knows("a@b", "$y$y", "secret", NOW)); /* the password has been set anew */
	assert_false(knows("c@b", "$y$x", "secret", NOW));
	assert_false(
	    knows("a@b", "$y$xs", "ecret", NOW)); /* the parts do not run into each other */
	learn("a@b", "$y$x", "secret", NOW + AGE); /* the same place */
	assert_true(knows("a@b", "$y$x", "secret", NOW + AGE));
	recent_forget(STR("c@b"));
	assert_true(knows("a@b", "$y$x", "secret", NOW + AGE));
	recent_forget(STR("a@b"));
	assert_false(knows("a@b", "$y$x", "secret", NOW + AGE));
}

/* Memory is fixed: the oldest makes room, and what is left is still right. */
static void test_many(void **state)
{
	const int n = RECENT_SETS * RECENT_WAYS * 3;
	char address[32];
	int kept = 0;

	(void)state;
	for (int i = 0; i < n; i++) {
		snprintf(address, sizeof address, "user%d@b", i);
		learn(address, "$y$x", "secret", NOW + (uint64_t)i);
		assert_true(knows(address, "$y$x", "secret", NOW + (uint64_t)i));
		assert_false(knows(address, "$y$x", "other", NOW + (uint64_t)i));
	}
	for (int i = 0; i < n; i++) {
		snprintf(address, sizeof address, "user%d@b", i);
		kept += knows(address, "$y$x", "secret", NOW + (uint64_t)n);
	}
	assert_in_range(kept, RECENT_SETS * RECENT_WAYS / 2, RECENT_SETS * RECENT_WAYS);
}

/* A password that cannot be hashed is none that was ever right. */
static void test_too_long(void **state)
{
	static char password[4096];

	(void)state;
	memset(password, 'x', sizeof password - 1);
	learn("a@b", "$y$x", password, NOW);
	assert_false(knows("a@b", "$y$x", password, NOW));
	memset(password + POOL_PASSWORD_MAX, 0, sizeof password - POOL_PASSWORD_MAX);
	learn("a@b", "$y$x", password, NOW);
	assert_true(knows("a@b", "$y$x", password, NOW));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_one), cmocka_unit_test(test_many),
		cmocka_unit_test(test_too_long) };

	return recent_open() == -1 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
