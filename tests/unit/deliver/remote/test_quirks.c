/* What servers cannot do: told by the queue, suspected after failures, never by one alone. */
#include "../../../../deliver/remote/quirks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/types.h"

static struct ip ip;

static void told(const char *host, uint8_t kind, bool on, int result)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = DELIVER_QUIRK };

	put_quirk(&w, &(struct quirk){ .host = str_of(host), .kind = kind, .on = on });
	m.body = put_view(&w);
	assert_int_equal(quirks_on_told(NULL, &m), result);
}

static int setup(void **state)
{
	(void)state;
	quirks_start(true);
	quirks_forget();
	return ip_parse(STR("192.0.2.7"), &ip);
}

static void test_told(void **state)
{
	(void)state;
	assert_int_equal(quirks_of(STR("mx.test"), &ip), QUIRKS_NONE);
	told("mx.test", QUIRK_CHUNKING, true, 0);
	told("192.0.2.7", QUIRK_DSN, true, 0);
	told("other.test", QUIRK_SIZE, true, 0);
	assert_int_equal(
	    quirks_of(STR("MX.test"), &ip), QUIRK_BIT(QUIRK_CHUNKING) | QUIRK_BIT(QUIRK_DSN));
	told("192.0.2.7", QUIRK_DSN, false, 0);
	told("192.0.2.7", QUIRK_DSN, false, 0);
	assert_int_equal(quirks_of(STR("mx.test"), &ip), QUIRK_BIT(QUIRK_CHUNKING));
	told("mx.test", QUIRK_KINDS, true, -1);
	told("", QUIRK_DSN, true, -1);
	told("a b", QUIRK_DSN, true, -1);
	quirks_forget();
	assert_int_equal(quirks_of(STR("mx.test"), &ip), QUIRKS_NONE);
}

static void test_bounded(void **state)
{
	char host[] = "mx0000.test";

	(void)state;
	for (int i = 0; i < 2 * QUIRKS_MAX + 1; i++) {
		host[2] = (char)('0' + i / 1000);
		host[3] = (char)('0' + i / 100 % 10);
		host[4] = (char)('0' + i / 10 % 10);
		host[5] = (char)('0' + i % 10);
		told(host, QUIRK_DSN, true, 0);
	}
	assert_int_equal(quirks_of(STR("mx3999.test"), &ip), QUIRK_BIT(QUIRK_DSN));
	assert_int_equal(quirks_of(STR("mx4000.test"), &ip), QUIRKS_NONE);
	/* whoever began anew because it is known now would do so for ever */
	assert_false(quirks_found(QUIRK_CHUNKING, &ip, "x"));
	assert_int_equal(quirks_of(STR("mx.test"), &ip), QUIRKS_NONE);
}

static void test_mask(void **state)
{
	struct caps all = { .starttls = true,
		.pipelining = true,
		.chunking = true,
		.eightbit = true,
		.utf8 = true,
		.dsn = true,
		.requiretls = true,
		.size = true,
		.size_limit = 7 },
		    c = all;

	(void)state;
	quirks_mask(&c, QUIRKS_NONE);
	assert_memory_equal(&c, &all, sizeof c);
	quirks_mask(
	    &c, QUIRK_BIT(QUIRK_CHUNKING) | QUIRK_BIT(QUIRK_SIZE) | QUIRK_BIT(QUIRK_STARTTLS));
	/* TLS is the policy's */
	assert_true(c.starttls && c.requiretls && c.pipelining && !c.chunking && !c.size);
	assert_int_equal(c.size_limit, 0);
}

static void test_suspicion(void **state)
{
	(void)state;
	quirks_failed(QUIRK_PIPELINING, &ip, 25);
	assert_false(quirks_suspected(QUIRK_PIPELINING, &ip, 25));
	quirks_worked(QUIRK_PIPELINING, &ip, 25);
	quirks_failed(QUIRK_PIPELINING, &ip, 25);
	assert_false(quirks_suspected(QUIRK_PIPELINING, &ip, 25));
	quirks_failed(QUIRK_PIPELINING, &ip, 25);
	quirks_failed(QUIRK_PIPELINING, &ip, 25);
	assert_true(quirks_suspected(QUIRK_PIPELINING, &ip, 25));
	assert_false(quirks_suspected(QUIRK_PIPELINING, &ip, 26));
	assert_false(quirks_suspected(QUIRK_STARTTLS, &ip, 25));
	quirks_start(false);
	assert_false(quirks_suspected(QUIRK_PIPELINING, &ip, 25));
	assert_false(quirks_found(QUIRK_PIPELINING, &ip, "x"));
	assert_int_equal(quirks_of(STR("mx.test"), &ip), QUIRKS_NONE);
	quirks_start(true);
	assert_true(quirks_found(QUIRK_PIPELINING, &ip, "x"));
	assert_int_equal(quirks_of(STR("mx.test"), &ip), QUIRK_BIT(QUIRK_PIPELINING));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_told, setup),
		cmocka_unit_test_setup(test_bounded, setup),
		cmocka_unit_test_setup(test_mask, setup),
		cmocka_unit_test_setup(test_suspicion, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
