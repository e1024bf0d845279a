/* Which lines of a log belong to one message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../../../tools/thurn/logsearch.h"

#define QUEUE "bbbbbbbbbbbbb"
#define TRACE "ccccccccccccc"
#define OTHER "ddddddddddddd"

static const char *const text_log[] = {
	"Nov 23 15:11:37 h thurn/smtpd[1]: connect from unknown[192.0.2.1] trace=" TRACE "\n",
	"Nov 23 15:11:37 h thurn/smtpd[1]: " QUEUE ": client=unknown[192.0.2.1], trace=" TRACE "\n",
	"Nov 23 15:11:37 h thurn/queue[2]: " QUEUE ": to=<a@x.y>, relay=none, status=sent (ok)\n",
	"Nov 23 15:11:37 h thurn/queue[2]: " OTHER ": to=<b@x.y>, relay=none, status=sent (ok)\n",
	"Nov 23 15:11:37 h thurn/queue[2]: " OTHER ": to=<c@x.y>, status=sent (see " QUEUE "x)\n",
};

static const char *const json_log[] = {
	"{\"v\":1,\"event\":\"connect\",\"trace\":\"" TRACE "\",\"fields\":{}}\n",
	"{\"v\":1,\"event\":\"mail\",\"trace\":\"" TRACE "\",\"queue\":\"" QUEUE
	"\",\"fields\":{}}\n",
	"{\"v\":1,\"event\":\"delivered\",\"queue\":\"" QUEUE "\",\"fields\":{\"to\":\"a@x.y\"}}\n",
	"{\"v\":1,\"event\":\"delivered\",\"queue\":\"" OTHER "\",\"fields\":{\"to\":\"b@x.y\"}}\n",
};

/* Which lines of a log are found, as bits. */
static unsigned found(const char *const *log, size_t n, const char *what)
{
	struct search s = { .text = str_of(what) };
	unsigned bits = 0;
	uint64_t id;

	for (int pass = id_parse(s.text, &id) == 0; pass < 2; pass++) {
		for (size_t i = 0; i < n; i++)
			search_learn(&s, str_of(log[i]));
		search_settle(&s);
	}
	for (size_t i = 0; i < n; i++)
		if (search_match(&s, str_of(log[i])))
			bits |= 1u << i;
	return bits;
}

static void in_text(void **state)
{
	(void)state;
	assert_int_equal(found(text_log, 4, QUEUE), 7);
	assert_int_equal(found(text_log, 4, TRACE), 7);
	assert_int_equal(found(text_log, 4, "a@x.y"), 7);
	assert_int_equal(found(text_log, 4, OTHER), 8);
	assert_int_equal(found(text_log, 5, "192.0.2.1"), 7);
	assert_int_equal(found(text_log, 5, "nothing"), 0);
}

static void in_json(void **state)
{
	(void)state;
	assert_int_equal(found(json_log, 4, QUEUE), 7);
	assert_int_equal(found(json_log, 4, TRACE), 7);
	assert_int_equal(found(json_log, 4, "b@x.y"), 8);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_text),
		cmocka_unit_test(in_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
