/* What is counted, within its bounds; what comes back from disk; the report that is made of it. */
#include "../../../../services/policy/report.h"
#include "../../../../services/policy/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

#include "proto/queue.h"

static const struct reporter who = { "mx.example.net", "Example", "postmaster@example.net",
	"reports@example.net" };

static struct tls_result result(uint8_t type, uint8_t failure)
{
	struct tls_result r = { .domain = STR("example.org"),
		.type = type,
		.failure = failure,
		.base = STR_NONE,
		.host = STR("mx.example.org"),
		.reason = STR_NONE };

	ip_parse(STR("192.0.2.1"), &r.ours);
	ip_parse(STR("2001:db8::1"), &r.theirs);
	return r;
}

static struct tally *example(void)
{
	struct tally *t = tally_new(STR("example.org"), 1764460800);
	struct str text = STR("version: STSv1\r\nmode: testing\nmx: *.example.org\n\nmax_age: 1\n");
	struct tls_result r = result(TLS_POLICY_STS, TLS_FAILED_NOT);

	tally_add(t, &r, text, true);
	tally_add(t, &r, text, true);
	r.failure = TLS_FAILED_EXPIRED;
	r.reason = STR("it is too old");
	tally_add(t, &r, text, true);
	tally_add(t, &r, text, true);
	r = result(TLS_POLICY_TLSA, TLS_FAILED_TRUST);
	r.base = STR("mx.example.org");
	r.strings[r.nstrings++] = STR("3 1 1 ABCD");
	tally_add(t, &r, STR("not this"), true);
	return t;
}

static const char *text_at(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static void test_json(void **state)
{
	struct tally *t = example();
	json_t *o, *policies, *sts, *failure;

	(void)state;
	t->end = t->begin + 86400;
	o = report_json(t, &who, 0, true);
	assert_string_equal(text_at(o, "organization-name"), "Example");
	assert_string_equal(text_at(o, "report-id"), "1764460800.example.org@mx.example.net");
	assert_string_equal(
	    text_at(json_object_get(o, "date-range"), "start-datetime"), "2025-11-30T00:00:00Z");
	assert_string_equal(
	    text_at(json_object_get(o, "date-range"), "end-datetime"), "2025-11-30T23:59:59Z");
	policies = json_object_get(o, "policies");
	assert_int_equal(json_array_size(policies), 2);
	sts = json_array_get(policies, 0);
	assert_int_equal(
	    json_array_size(json_object_get(json_object_get(sts, "policy"), "policy-string")), 4);
	assert_string_equal(json_string_value(json_array_get(
				json_object_get(json_object_get(sts, "policy"), "mx-host"), 0)),
	    "*.example.org");
	assert_int_equal(json_array_size(json_object_get(sts, "failure-details")), 1);
	failure = json_array_get(json_object_get(sts, "failure-details"), 0);
	assert_int_equal(json_integer_value(json_object_get(failure, "failed-session-count")), 2);
	assert_string_equal(text_at(failure, "receiving-ip"), "2001:db8::1");
	assert_string_equal(text_at(failure, "failure-reason-code"), "it is too old");
	assert_string_equal(
	    text_at(json_object_get(json_array_get(policies, 1), "policy"), "policy-domain"),
	    "mx.example.org");
	json_decref(o);
	tally_free(t);
}

static void test_disk(void **state)
{
	static uint8_t first[TALLY_BYTES_MAX], second[TALLY_BYTES_MAX];
	struct put a = put_into(first, sizeof first), b = put_into(second, sizeof second);
	struct tally *t = example(), *back;
	struct get g;

	(void)state;
	t->ruas[t->nruas++] = (struct tally_rua){ "https://a.test/", RUA_TRYING };
	t->reported = true;
	put_tally(&a, t);
	g = get_start(put_view(&a));
	back = get_tally(&g);
	assert_non_null(back);
	put_tally(&b, back);
	assert_true(str_eq(put_view(&a), put_view(&b)));
	tally_free(back);
	for (size_t n = 0; n < a.n; n++) {
		g = get_start(str_bytes(first, n));
		assert_null(get_tally(&g));
	}
	tally_free(t);
}

/* A domain that does its worst. */
static struct tally *worst(void)
{
	struct tally *t = tally_new(STR("example.org"), 1764460800);
	static char strings[TLS_RESULT_STRINGS][TLS_RESULT_STRING_MAX],
	    reason[TLS_RESULT_REASON_MAX];

	srandom(1);
	for (unsigned i = 0; i < 200; i++) {
		struct tls_result r = result(TLS_POLICY_TLSA, TLS_FAILED_TRUST);

		r.nstrings = TLS_RESULT_STRINGS;
		for (unsigned k = 0; k < TLS_RESULT_STRINGS; k++) {
			for (unsigned c = 0; c < TLS_RESULT_STRING_MAX; c++)
				strings[k][c] = (char)('0' + (i / 25 + k * 7 + c * c) % 43);
			r.strings[k] = str_bytes(strings[k], TLS_RESULT_STRING_MAX);
		}
		for (unsigned c = 0; c < TLS_RESULT_REASON_MAX; c++)
			reason[c] = (char)(' ' + random() % 94);
		r.reason = str_bytes(reason, TLS_RESULT_REASON_MAX);
		tally_add(t, &r, STR_NONE, true);
	}
	t->end = t->begin + 86400;
	return t;
}

static void test_bounds(void **state)
{
	static uint8_t space[TALLY_BYTES_MAX];
	struct put w = put_into(space, sizeof space);
	struct tally *t = worst();
	uint64_t good, bad;
	struct buf gzip, text;

	(void)state;
	assert_int_equal(t->npolicies, TALLY_POLICIES);
	assert_int_equal(t->policies[0].nfailures, TALLY_FAILURES);
	tally_sums(t, &good, &bad);
	assert_int_equal(good, 0);
	assert_int_equal(bad + t->lost, 200);
	assert_true(strlen(t->policies[0].text) <= TALLY_TEXT_MAX);
	put_tally(&w, t);
	assert_false(w.bad);
	assert_int_equal(report_gzip(t, &who, &gzip), 0);
	assert_true(gzip.n <= REPORT_MAX);
	assert_int_equal(report_message(t, &who, buf_view(&gzip), STR("a@b.test"), 0, &text), 0);
	assert_true(text.n <= QUEUE_REPORT_MAX);
	buf_clear(&gzip);
	buf_clear(&text);
	tally_free(t);
}

static void test_no_room(void **state)
{
	struct tally *t = tally_new(STR("example.org"), 0);
	struct tls_result r = result(TLS_POLICY_NONE, TLS_FAILED_NOT);
	size_t before;

	(void)state;
	tally_add(t, &r, STR_NONE, false);
	assert_int_equal(t->lost, 1);
	tally_add(t, &r, STR_NONE, true);
	before = t->bytes;
	r.failure = TLS_FAILED_STARTTLS;
	tally_add(t, &r, STR_NONE, false);
	assert_int_equal(t->policies[0].bad, 1);
	assert_int_equal(t->policies[0].nfailures, 0);
	assert_int_equal(t->bytes, before);
	tally_free(t);
}

/* Of and about the longest names, and with room for its signatures, it fits what the queue takes. */
static void test_largest_message(void **state)
{
	static char bytes[REPORT_MAX], to[320];
	struct reporter longest = { .host = "" };
	struct tally *t = example();
	struct buf text;

	(void)state;
	t->end = t->begin + 86400;
	memset(to, 't', sizeof to);
	memset(longest.host, 'h', REPORT_NAME_MAX);
	memset(longest.sender, 's', REPORTER_MAX);
	assert_int_equal(report_message(t, &longest, str_bytes(bytes, sizeof bytes),
			     str_bytes(to, sizeof to), 0, &text),
	    0);
	assert_true(text.n + SIGN_FIELDS <= QUEUE_REPORT_MAX);
	buf_clear(&text);
	tally_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_largest_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
