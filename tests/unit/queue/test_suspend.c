/* The file of suspensions, and which one holds for whom. */
#include "../../../queue/suspend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/lookup.h"

static const struct suspension *found(const char *nexthop, const char *key, uint8_t transport)
{
	struct sched_site site = { .transport = transport, .key = str_of(key) };

	return suspend_find(str_of(nexthop), &site);
}

static void test_file(void **state)
{
	static const char text[] = "100 0 suspend=0 - - example.org they asked: us\n"
				   "100 2000 suspend=0 - - .example.net \n"
				   "100 900 suspend=0 - - over.test long ago\n"
				   "100 2000 slow=4 ts03 - .example.net 421 [TS03]\n"
				   "100 0 suspend=0 - - mx.provider.test x\n"
				   "100 0 source=0 - - out1 listed\n";
	static const char *const bad[] = { "x 0 suspend=0 - - a b\n", "1 0\n", "1 0 a\n",
		"1 0 suspend=0 - - a\n", "1 -1 suspend=0 - - a b\n", "1\n",
		"1 0 suspend=0 - -  b\n", "1 0 stop=0 - - a b\n", "1 0 slow - - a b\n",
		"1 0 slow=65536 - - a b\n", "1 0 slow=4  a b\n" };
	const struct suspension *slow;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(
		    suspend_decode(STR("100 0 suspend=0 - - good.test reason\n"), 1000), 0);
		assert_int_equal(suspend_decode(str_of(bad[i]), 1000), -1);
		assert_null(suspend_next(NULL));
	}
	assert_int_equal(suspend_decode(str_of(text), 1000), 0);
	buf_init(&b, 10000);
	assert_int_equal(suspend_encode(&b), 0);
	assert_true(str_eq(buf_view(&b), STR("100 0 suspend=0 - - example.org they asked: us\n"
					     "100 2000 suspend=0 - - .example.net \n"
					     "100 2000 slow=4 ts03 - .example.net 421 [TS03]\n"
					     "100 0 suspend=0 - - mx.provider.test x\n"
					     "100 0 source=0 - - out1 listed\n")));
	buf_clear(&b);

	assert_string_equal(found("Example.ORG", "k", TRANSPORT_SMTP)->reason, "they asked: us");
	assert_non_null(found("example.org", "k", TRANSPORT_LMTP));
	assert_null(found("example.org", "k", TRANSPORT_MAILDIR));
	assert_null(found("sub.example.org", "k", TRANSPORT_SMTP));
	assert_non_null(found("sub.example.net", "k", TRANSPORT_SMTP));
	assert_null(found("example.net", "k", TRANSPORT_SMTP));
	/* of all that hold, the one that suspends it counts */
	assert_int_equal(found("sub.example.net", "k", TRANSPORT_SMTP)->kind, SUSPEND_STOP);
	slow = found("sub.example.net", "k", TRANSPORT_SMTP);
	slow = suspend_holding(slow, STR("sub.example.net"),
	    &(struct sched_site){ .transport = TRANSPORT_SMTP, .key = STR("k") });
	assert_true(slow->kind == SUSPEND_SLOW && slow->factor == 4);
	assert_string_equal(slow->rule, "ts03");
	/* one of the hosts of a destination */
	assert_non_null(found("a.test", "mx1.provider.test,mx.provider.test", TRANSPORT_SMTP));
	assert_null(found("a.test", "mx1.provider.test", TRANSPORT_SMTP));
	assert_null(found("over.test", "over.test", TRANSPORT_SMTP));
	/* of a source, which is no destination */
	assert_string_equal(suspend_source(STR("OUT1"))->reason, "listed");
	assert_null(suspend_source(STR("out")));
	assert_null(found("out1", "out1", TRANSPORT_SMTP));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
