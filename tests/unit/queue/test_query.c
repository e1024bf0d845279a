/* Queries: what they mean, and what is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../../../queue/format.h"
#include "../../../queue/query.h"

enum { NOW = 1795446245 };

static const struct facts_rcpt rcpts[] = {
	{ .addr = STR("bob@example.net"),
	    .relay = STR("mx.example.net[192.0.2.1]:25"),
	    .status = STR("451 4.4.1 no answer from the \"host\""),
	    .attempts = 3,
	    .state = SLOT_PENDING },
	{ .addr = STR("Carol@Example.COM"), .attempts = 0, .state = SLOT_PENDING },
};

static struct facts facts = {
	.id = 1,
	.state = ENTRY_DEFERRED,
	.next = NOW + 600,
	.known = true,
	.whole = true,
	.body_size = 2 * 1024 * 1024,
	.arrival = NOW - 7200,
	.sender = STR("alice@example.org"),
	.login = STR("alice"),
	.client = STR("192.0.2.7"),
	.left = 2,
	.rcpts = rcpts,
	.nrcpts = 2,
};

static enum answer ask(const char *text)
{
	static struct query q;
	char why[256];

	if (query_parse(&q, str_of(text), why) == -1)
		fail_msg("%s: %s", text, why);
	return query_ask(&q, &facts, NOW);
}

static void assert_yes(const char *text)
{
	if (ask(text) != ANSWER_YES)
		fail_msg("%s: should match", text);
}

static void assert_no(const char *text)
{
	if (ask(text) != ANSWER_NO)
		fail_msg("%s: should not match", text);
}

static void test_text(void **state)
{
	(void)state;
	assert_yes("");
	assert_yes("sender=alice@example.org");
	assert_yes("SENDER = ALICE@EXAMPLE.ORG");
	assert_yes("sender=*@example.org");
	assert_yes("sender=*@*.org");
	assert_yes("sender=a*e@e*e.*");
	assert_no("sender=alice");
	assert_no("sender=a*f");
	assert_yes("sender~lice@");
	assert_yes("sender~al*org");
	assert_no("sender~al*net");
	assert_yes("sender!=bob");
	assert_yes("sender !~ bob");
	assert_yes("sender-domain=example.org");
	assert_yes("login=alice and client=192.0.2.*");
	assert_yes("id=aaaaaaaaaaaab or id=*c or trace=aaaaaaaaaaaaa");
	assert_yes("state=deferred");
	/* of recipients: one is enough; "not" is none */
	assert_yes("rcpt-domain=example.com");
	assert_yes("rcpt-domain=example.net");
	assert_no("not rcpt-domain=example.net");
	assert_no("rcpt-domain!=example.net");
	assert_yes("rcpt~bob and relay~192.0.2.1");
	assert_yes("status=\"451 *\"");
	assert_yes("status~\"no answer\"");
	assert_yes("status~4.4.1");
	assert_yes("status~\"the \\\"host\\\"\"");
	assert_no("status~\\*");
	assert_yes("status=\"\""); /* Carol was not tried yet */
	assert_yes("sender~\"\"");
}

static void test_numbers(void **state)
{
	(void)state;
	assert_yes("age>1h");
	assert_yes("age>=2h");
	assert_no("age>2h");
	assert_yes("age<1d and age<1w and age>7199");
	assert_yes("age=120m");
	assert_yes("next<=10m and next>599s");
	assert_yes("size>1M and size>=2m and size<3000K and size<1G");
	assert_no("size>2097152b");
	assert_yes("rcpts=2 and rcpts!=3");
	assert_yes("attempts>2");
	assert_yes("attempts=0");
	assert_no("attempts>3");
}

static void test_joined(void **state)
{
	(void)state;
	assert_yes(
	    "sender=alice* and age>1h and rcpt-domain=example.net and not size>1G or status~x");
	assert_no("sender=bob* and size>1M or size>1G");
	assert_yes("sender=alice* or sender=bob* and size>1G"); /* and binds closer */
	assert_no("(sender=alice* or sender=bob*) and size>1G");
	assert_yes("not (sender=bob* or not size>1M)");
	assert_yes("not not sender=alice*");
	assert_yes("((((((((sender=alice*))))))))");
	assert_yes("NOT sender=bob AND(size>1)");
}

static void assert_wrong(const char *text, const char *why)
{
	static struct query q;
	char got[256];

	assert_int_equal(query_parse(&q, str_of(text), got), -1);
	if (strstr(got, why) == NULL)
		fail_msg("%s: \"%s\" is not in \"%s\"", text, why, got);
}

static void test_wrong(void **state)
{
	char text[QUERY_TEXT_MAX], *p = text;

	(void)state;
	assert_wrong("colour=red", "no such field at character 1");
	assert_wrong("sender", "a comparison");
	assert_wrong("sender=", "a value is missing at character 8");
	assert_wrong("sender=a size>1", "\"and\" or \"or\" is missing at character 10");
	assert_wrong("sender=a and", "a condition is missing");
	assert_wrong("(sender=a", "a closing bracket");
	assert_wrong("sender=a)", "is missing at character 9");
	assert_wrong("sender=\"a", "a quote that is not closed");
	assert_wrong("sender<a", "not for this field");
	assert_wrong("size~1", "not for this field");
	assert_wrong("sender!<a", "a comparison");
	assert_wrong("size>1h", "no size");
	assert_wrong("age>1k", "no time");
	assert_wrong("age>", "a value is missing");
	assert_wrong("age>-1", "no time");
	assert_wrong("rcpts>99999999999999999999", "no number");
	assert_wrong("age>18446744073709551615w", "no time");
	assert_wrong("((((((((((((((((sender=a))))))))))))))))", "too many brackets");
	for (int i = 0; i < 80; i++)
		p += sprintf(p, "%sid=a", i > 0 ? " or " : "");
	assert_wrong(text, "too many conditions");
}

/* What is not known may be so; but what is known can decide. */
static void test_unknown(void **state)
{
	(void)state;
	facts.whole = false;
	facts.left = 3;
	assert_int_equal(ask("rcpt-domain=example.com"), ANSWER_YES);
	assert_int_equal(ask("rcpt-domain=example.edu"), ANSWER_UNKNOWN);
	assert_int_equal(ask("not rcpt-domain=example.edu"), ANSWER_UNKNOWN);
	assert_no("not rcpt-domain=example.com");
	assert_no("rcpt-domain=example.edu and sender=bob");
	assert_yes("rcpt-domain=example.edu or sender=alice*");
	assert_int_equal(ask("attempts>5 and sender=alice*"), ANSWER_UNKNOWN);
	facts.known = false;
	assert_int_equal(ask("sender=bob"), ANSWER_UNKNOWN);
	assert_int_equal(ask("age>1h"), ANSWER_UNKNOWN);
	assert_yes("state=deferred");
	assert_no("state=hold and sender=bob");
	assert_yes("");
	facts.known = facts.whole = true;
	facts.left = 2;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
