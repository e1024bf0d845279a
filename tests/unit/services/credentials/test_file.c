/* The file of logins at other hosts, and what a token endpoint answers. */
#include "../../../../services/credentials/answer.h"
#include "../../../../services/credentials/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const uint64_t key[2] = { 1, 2 };

static struct file parsed(const char *text)
{
	struct file f;
	char why[FILE_WHY] = "";

	if (file_parse(&f, str_of(text), key, why) == -1)
		fail_msg("%s", why);
	return f;
}

static void refused(const char *text, const char *want)
{
	struct file f;
	char why[FILE_WHY] = "";

	assert_int_equal(file_parse(&f, str_of(text), key, why), -1);
	assert_string_equal(why, want);
	assert_null(f.space);
}

static void finds(const struct file *f, const char *sender, const char *nexthop, const char *user)
{
	const struct entry *e = file_find(f, str_of(sender), str_of(nexthop));

	if (user == NULL)
		assert_null(e);
	else
		assert_true(e != NULL && str_eq(e->user, str_of(user)));
}

static void test_search_order(void **state)
{
	struct file f = parsed("# comment\n"
			       "[Relay.test]:587\trelay:r\n"
			       "bob@Example.test  bob:b\n"
			       "bob@example.test,[relay.test]:587  both:x\n"
			       "@example.test  domain:d\n"
			       "@example.test,[other.test]  domainhop:e\n"
			       "<>,[other.test] bounces:n\n");

	(void)state;
	assert_int_equal(f.n, 6);
	finds(&f, "bob@example.test", "[relay.test]:587", "both");
	finds(&f, "BOB@EXAMPLE.TEST", "[RELAY.test]:587", "both");
	finds(&f, "bob@example.test", "[other.test]", "domainhop");
	finds(&f, "bob@example.test", "[third.test]", "bob");
	finds(&f, "al@example.test", "[relay.test]:587", "domain");
	finds(&f, "x@elsewhere.test", "[relay.test]:587", "relay");
	finds(&f, "x@elsewhere.test", "[relay.test]:25", NULL);
	finds(&f, "", "[relay.test]:587", "relay");
	finds(&f, "", "[other.test]", "bounces");
	finds(&f, "", "[third.test]", NULL);
	file_clear(&f);
	finds(&f, "", "[relay.test]:587", NULL);
}

static void test_values(void **state)
{
	struct file f = parsed("a u:p w:with=all \"of\" it  \n"
			       "b oauth user=u@b.test\n"
			       "  token_endpoint=https://id.b.test/token client_id=us\n"
			       "# between\n"
			       "  client_secret=\"a b\" refresh_token=r scope=\"x y\"\n"
			       "c oauth:not\n");
	const struct entry *e = file_find(&f, STR(""), STR("a"));

	(void)state;
	assert_int_equal(e->kind, CREDENTIAL_PASSWORD);
	assert_int_equal(e->line, 1);
	assert_true(str_eq(e->secret, STR("p w:with=all \"of\" it")));
	e = file_find(&f, STR(""), STR("b"));
	assert_int_equal(e->kind, CREDENTIAL_TOKEN);
	assert_int_equal(e->line, 2);
	assert_true(str_eq(e->user, STR("u@b.test")) && str_eq(e->secret, STR("r")));
	assert_true(str_eq(e->endpoint, STR("https://id.b.test/token")));
	assert_true(str_eq(e->client_secret, STR("a b")) && str_eq(e->scope, STR("x y")));
	e = file_find(&f, STR(""), STR("c"));
	assert_int_equal(e->kind, CREDENTIAL_PASSWORD);
	assert_true(str_eq(e->user, STR("oauth")));
	file_clear(&f);
}

/* The same login has the same id, whoever uses it; another password another one. */
static void test_ids(void **state)
{
	struct file f = parsed("a u:p\nb u:p\nc u:q\n"), g = parsed("# later\nb u:p\n");
	uint64_t id = file_find(&f, STR(""), STR("a"))->id;

	(void)state;
	assert_true(id != 0 && id == file_find(&f, STR(""), STR("b"))->id);
	assert_true(id != file_find(&f, STR(""), STR("c"))->id);
	assert_true(id == file_find(&g, STR(""), STR("b"))->id);
	file_clear(&f);
	file_clear(&g);
}

static void test_faults(void **state)
{
	(void)state;
	refused("a u:p\n\nb secretonly\n", "3: wants USER:PASSWORD, or oauth and its items");
	refused("a :p\n", "1: wants USER:PASSWORD, or oauth and its items");
	refused("a u:\n", "1: wants USER:PASSWORD, or oauth and its items");
	refused("lonely\n", "1: wants a key, white space and a value");
	refused("  a u:p\n", "1: begins with white space but continues no line");
	refused("a u:p\nA u:q\n", "2: is for whom another line is already");
	refused("a@b.test, u:p\n", "1: the next hop behind the comma is missing");
	refused("a@b.test,c@d.test u:p\n", "1: wants SENDER, NEXTHOP or SENDER,NEXTHOP");
	refused("host,a@d.test u:p\n", "1: wants SENDER, NEXTHOP or SENDER,NEXTHOP");
	refused("a u:p\a\n", "1: has a control character");
	refused("a oauth user=u client_id=c\n", "1: token_endpoint is missing");
	refused("a oauth user=u client_id=c token_endpoint=http://x/\n",
	    "1: token_endpoint is no https URL");
	refused("a oauth user=u user=v\n", "1: user stands twice");
	refused("a oauth user=\n", "1: user is empty or too long");
	refused("a oauth user=u hunter2=x\n", "1: has an item of no known name");
	refused("a oauth user=u secret\n", "1: wants items NAME=VALUE behind oauth");
	refused("a oauth user=\"u\n", "1: wants items NAME=VALUE behind oauth");
}

static void answers(const char *json, unsigned status, const char *access, uint64_t seconds)
{
	static struct answer a;
	int r = answer_read(str_of(json), status, &a);

	assert_int_equal(r, access == NULL ? -1 : 0);
	if (access == NULL) {
		assert_string_not_equal(a.why, "");
		return;
	}
	assert_string_equal(a.access, access);
	assert_int_equal(a.seconds, seconds);
}

static void test_answers(void **state)
{
	static struct answer a;

	(void)state;
	answers("{\"access_token\":\"t.1\",\"token_type\":\"bearer\",\"expires_in\":3600}", 200,
	    "t.1", 3600);
	answers("{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":\"60\"}", 200,
	    "t", 60);
	answers("{\"access_token\":\"t\",\"token_type\":\"Bearer\"}", 200, "t", ANSWER_SECONDS);
	answers("{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":99999999999}",
	    200, "t", ANSWER_SECONDS_MAX);
	answers("{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":-1}", 200, "t",
	    ANSWER_SECONDS);
	answers("{\"access_token\":\"t\",\"token_type\":\"mac\"}", 200, NULL, 0);
	answers("{\"access_token\":\"t\"}", 200, NULL, 0);
	answers("{\"access_token\":\"a b\",\"token_type\":\"Bearer\"}", 200, NULL, 0);
	answers("{\"access_token\":\"a\\u0001\",\"token_type\":\"Bearer\"}", 200, NULL, 0);
	answers("{\"access_token\":\"\",\"token_type\":\"Bearer\"}", 200, NULL, 0);
	answers("{\"access_token\":1,\"token_type\":\"Bearer\"}", 200, NULL, 0);
	answers("[]", 200, NULL, 0);
	answers("", 200, NULL, 0);
	answers("<html>", 502, NULL, 0);
	assert_int_equal(answer_read(STR("{\"error\":\"invalid_grant\",\"error_description\":"
					 "\"ex\\npired\"}"),
			     400, &a),
	    -1);
	assert_string_equal(a.why, "HTTP status 400 invalid_grant: ex?pired");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search_order),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
