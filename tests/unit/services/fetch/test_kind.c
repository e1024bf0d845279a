/* URLs, and who may have which fetched. */
#include "../../../../services/fetch/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/role.h"

static void place(const char *url, const char *host, unsigned port, const char *as)
{
	struct place p;

	assert_int_equal(place_parse(str_of(url), 443, &p), host == NULL ? -1 : 0);
	if (host == NULL)
		return;
	assert_string_equal(p.host, host);
	assert_int_equal(p.port, port);
	assert_string_equal(p.url, as);
}

static void test_places(void **state)
{
	(void)state;
	place("https://Example.Test/a?b=c", "example.test", 443, "https://Example.Test/a?b=c");
	place("HTTPS://example.test", "example.test", 443, "https://example.test/");
	place("https://example.test:8443/", "example.test", 8443, "https://example.test:8443/");
	place("https://192.0.2.1/x", "192.0.2.1", 443, "https://192.0.2.1/x");
	place("https://[2001:db8::1]:444/x", "2001:db8::1", 444, "https://[2001:db8::1]:444/x");
	place("https://example.test/a/../b", "example.test", 443, "https://example.test/b");
	place("http://example.test/", NULL, 0, NULL);
	place("https:/example.test/", NULL, 0, NULL);
	place("https:///example.test/", NULL, 0, NULL);
	place("https://", NULL, 0, NULL);
	place("https://:443/", NULL, 0, NULL);
	place("https://user@example.test/", NULL, 0, NULL);
	place("https://user:password@example.test/", NULL, 0, NULL);
	place("https://example.test/#part", NULL, 0, NULL);
	place("https://example.test:0/", NULL, 0, NULL);
	place("https://example.test:65536/", NULL, 0, NULL);
	place("https://example.test:x/", NULL, 0, NULL);
	place("https://example.test/a b", NULL, 0, NULL);
	place("https://example.test\\@elsewhere.test/", NULL, 0, NULL);
	place("https://example.test/\n", NULL, 0, NULL);
	place("https://-.example.test/", NULL, 0, NULL);
	place("https://ex\xc3\xa4mple.test/", NULL, 0, NULL);
	place("https://%Ae.?:", NULL, 0, NULL);
	place("https://ex%2Fample.test/", NULL, 0, NULL);
	place("", NULL, 0, NULL);
}

static void test_long_url(void **state)
{
	char url[FETCH_URL_MAX + 2];
	struct place p;

	(void)state;
	memset(url, 'x', sizeof url);
	memcpy(url, "https://a.test/", 15);
	assert_int_equal(place_parse(str_bytes(url, FETCH_URL_MAX), 443, &p), 0);
	assert_int_equal(place_parse(str_bytes(url, FETCH_URL_MAX + 1), 443, &p), -1);
}

static const char *ask(enum fetch_kind kind, enum role role, const char *target, struct place *p)
{
	static struct settings s = { .port = 443 };
	struct fetch_question q = { .kind = (uint8_t)kind, .target = str_of(target) };

	if (s.introspect.url[0] == '\0')
		assert_int_equal(place_parse(STR("https://sso.test/i"), 443, &s.introspect), 0);
	return kind_refuse(kind_of((uint8_t)kind), &s, (uint8_t)role, &q, p);
}

static void test_kinds(void **state)
{
	static const char *const bad[] = { "", ".", "a..b", "a/b", "a/../b", "a@b", "a:1", "a?b",
		"a#b", "a b" };
	struct place p;

	(void)state;
	assert_null(ask(FETCH_STS, ROLE_POLICY, "example.test", &p));
	assert_string_equal(p.url, "https://mta-sts.example.test/.well-known/mta-sts.txt");
	assert_null(ask(FETCH_INTROSPECT, ROLE_AUTH, "", &p));
	assert_string_equal(p.url, "https://sso.test/i");
	assert_non_null(ask(FETCH_INTROSPECT, ROLE_AUTH, "https://elsewhere.test/", &p));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_non_null(ask(FETCH_STS, ROLE_POLICY, bad[i], &p));
	for (enum role r = 0; r < ROLE_MAX; r++) {
		assert_int_equal(ask(FETCH_STS, r, "example.test", &p) == NULL, r == ROLE_POLICY);
		assert_int_equal(
		    ask(FETCH_REPORT, r, "https://a.test/", &p) == NULL, r == ROLE_POLICY);
		assert_int_equal(ask(FETCH_INTROSPECT, r, "", &p) == NULL, r == ROLE_AUTH);
		assert_int_equal(
		    ask(FETCH_TOKEN, r, "https://a.test/", &p) == NULL, r == ROLE_CREDENTIALS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_long_url),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
