/* What another host has said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "mail/said.h"

#define RELAY STR("mx.test[192.0.2.1]:25")

static const char *reason(struct str relay, const char *text)
{
	static char out[SAID_WHY_MAX], z[SAID_WHY_MAX];

	assert_int_equal(str_copy(said_why(relay, str_of(text), out), z, sizeof z), 0);
	return z;
}

static void test_replied(void **state)
{
	struct status st;
	struct str reply;

	(void)state;
	said_reply(&st, 550, "5.1.1", "nobody (of us)", "RCPT TO command");
	assert_string_equal(
	    st.text, "said: 550 5.1.1 nobody (of us) (in reply to RCPT TO command)");
	assert_true(said_is_reply(str_of(st.text), &reply));
	assert_true(str_eq(reply, STR("550 5.1.1 nobody (of us)")));
	/* a code that it has not given is for our own use */
	said_reply(&st, 450, "", "later", "DATA command");
	assert_string_equal(st.enhanced, "4.0.0");
	assert_true(said_is_reply(str_of(st.text), &reply));
	assert_true(str_eq(reply, STR("450 later")));
}

static void test_cut(void **state)
{
	struct str reply;

	(void)state;
	assert_true(said_is_reply(STR("said: 550 no (in re"), &reply));
	assert_true(str_eq(reply, STR("550 no (in re")));
	assert_true(said_is_reply(STR("said: "), &reply));
	assert_false(said_is_reply(STR("said"), &reply));
	assert_false(said_is_reply(STR("lost mx.test[192.0.2.1]:25"), &reply));
}

static void test_reason(void **state)
{
	(void)state;
	assert_string_equal(reason(RELAY, "said: 550 no"), "host mx.test[192.0.2.1] said: 550 no");
	assert_string_equal(
	    reason(STR("[2001:db8::1]"), "said: 550 no"), "host [2001:db8::1] said: 550 no");
	assert_string_equal(reason(STR("m.test[2001:db8::1]:25"), "said: 550 no"),
	    "host m.test[2001:db8::1] said: 550 no");
	assert_string_equal(
	    reason(STR("/run/lmtp"), "said: 550 no"), "host /run/lmtp said: 550 no");
	assert_string_equal(reason(RELAY, "lost it"), "lost it");
	assert_string_equal(reason(STR_NONE, "said: 550 no"), "said: 550 no");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replied),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
