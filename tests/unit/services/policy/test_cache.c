/* What is kept of policies is bounded, in number and in bytes; what is kept survives. */
#include "../../../../services/policy/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/fetch.h"
#include "store_dir.h"

static int setup(void **state)
{
	struct store *store = store_dir_open("data.mdb");

	(void)state;
	if (store == NULL)
		return -1;
	cache_open(store);
	return 0;
}

static bool keep(const char *domain, struct str text)
{
	struct entry *e = cache_get(str_of(domain));
	struct sts_policy p;
	const char *why;
	bool kept;

	assert_int_equal(sts_parse(text, &p, &why), 0);
	kept = cache_keep(e, STR("1"), text, &p);
	assert_true(cache_holds(e)); /* for whoever waits for it */
	if (!kept)
		cache_drop(e);
	return kept;
}

static void test_bytes(void **state)
{
	static const char head[] = "version: STSv1\nmode: enforce\nmx: m.test\nmax_age: 86400\nx: ";
	static char large[FETCH_ANSWER_MAX];
	struct str text = str_bytes(large, sizeof large),
		   small = STR("version: STSv1\nmode: testing\n"
			       "mx: m.test\nmax_age: 9\n");
	struct str usual = str_bytes(large, POLICY_USUAL);
	unsigned n = 0;
	char domain[32], refused[32];

	(void)state;
	memset(large, 'x', sizeof large);
	memcpy(large, head, sizeof head - 1);
	assert_true(keep("small.test", small));
	do {
		snprintf(domain, sizeof domain, "d%u.test", n++);
		assert_true(n < 2 * POLICY_BYTES_MAX / FETCH_ANSWER_MAX);
	} while (keep(domain, text));
	assert_true(cache_counts().bytes <= POLICY_BYTES_LARGE);
	assert_true(cache_counts().bytes > POLICY_BYTES_LARGE - FETCH_ANSWER_MAX);
	assert_int_equal(cache_counts().policies, n); /* one of them small */
	assert_false(cache_holds(cache_find(str_of(domain))));
	/* large ones of a few hundred domains do not keep out those of usual sizes */
	memcpy(refused, domain, sizeof refused);
	for (unsigned i = 0; i < 2 * FETCH_ANSWER_MAX / POLICY_USUAL; i++) {
		snprintf(domain, sizeof domain, "u%u.test", i);
		assert_true(keep(domain, usual));
	}
	/* a large one goes in when others have gone */
	assert_false(keep(refused, text));
	for (unsigned i = 0; i < 3; i++) {
		snprintf(domain, sizeof domain, "d%u.test", i);
		cache_drop(cache_find(str_of(domain)));
	}
	assert_true(keep(refused, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bytes) };

	return cmocka_run_group_tests(tests, setup, store_dir_remove);
}
