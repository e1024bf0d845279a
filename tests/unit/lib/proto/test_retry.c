/* When what has failed is tried again, as settings write it. */
#include "proto/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_retry(void **state)
{
	static const char *const bad[] = { "", "dns", "other 5m", "dns 5x", "dns 0s", "dns 8d",
		"sometimes 5m", "dns 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s" };
	struct retry_times r = { 0 };

	(void)state;
	assert_int_equal(retry_parse(STR(" greylisting 5m 10m  1h"), &r), 0);
	assert_int_equal(retry_parse(STR("tls 1d"), &r), 0);
	assert_int_equal(retry_seconds(&r, FAULT_GREYLIST, 0), 300);
	assert_int_equal(retry_seconds(&r, FAULT_GREYLIST, 1), 300);
	assert_int_equal(retry_seconds(&r, FAULT_GREYLIST, 2), 600);
	assert_int_equal(retry_seconds(&r, FAULT_GREYLIST, 3), 3600);
	assert_int_equal(retry_seconds(&r, FAULT_GREYLIST, 65535), 3600);
	assert_int_equal(retry_seconds(&r, FAULT_TLS, 7), 86400);
	assert_int_equal(retry_seconds(&r, FAULT_DNS, 1), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(retry_parse(str_of(bad[i]), &r), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_retry) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
