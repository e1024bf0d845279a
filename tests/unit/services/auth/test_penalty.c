/* Guessing is limited per client network and login, in fixed memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "../../../../services/auth/penalty.h"

static struct penalty p;
static const uint64_t secret[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

static void test_hash_vectors(void **state)
{
	char bytes[15];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	assert_true(siphash(secret, STR_NONE) == 0x726fdb47dd0e0e31);
	assert_true(siphash(secret, str_bytes(bytes, 8)) == 0x93f5f5799a932462);
	assert_true(siphash(secret, str_bytes(bytes, 15)) == 0xa129ca6149be45e5);
}

static void begin(const uint64_t with[2], uint32_t per_minute, bool remembers)
{
	free(p.memory);
	penalty_init(&p, with, per_minute, remembers);
}

static unsigned tries(uint64_t now, const char *client, const char *login, unsigned n)
{
	unsigned good = 0;

	for (unsigned i = 0; i < n; i++)
		good += penalty_charge(&p, now, str_of(client), str_of(login));
	return good;
}

static void test_rate(void **state)
{
	(void)state;
	begin(secret, 10, false);
	assert_int_equal(tries(1000, "192.0.2.1", "alice", 1000), 10);
	assert_int_equal(tries(1000, "192.0.2.1", "bob", 1), 1);
	assert_int_equal(tries(1000, "192.0.2.2", "alice", 1), 1);
	/* one comes back every six seconds, and a refused try costs nothing */
	assert_int_equal(tries(7000, "192.0.2.1", "alice", 5), 1);
	assert_int_equal(tries(61000 + 7000, "192.0.2.1", "alice", 100), 10);
}

static void test_nobody_is_no_login(void **state)
{
	char client[32];

	(void)state;
	begin(secret, 10, true);
	assert_int_equal(tries(1000, "192.0.2.1", "", 1000), 50);
	for (int i = 0; i < 100; i++) {
		snprintf(client, sizeof client, "198.51.100.%d", i);
		assert_int_equal(tries(1000, client, "", 2), 2);
	}
}

static void test_success_gives_back(void **state)
{
	(void)state;
	begin(secret, 10, false);
	for (int i = 0; i < 1000; i++) {
		assert_true(penalty_charge(&p, 1000, STR("192.0.2.1"), STR("alice")));
		penalty_refund(&p, 1000, STR("192.0.2.1"), STR("alice"));
	}
}

static void test_network_is_limited_too(void **state)
{
	unsigned good = 0;
	char login[32];

	(void)state;
	begin(secret, 10, false);
	for (int i = 0; i < 1000; i++) {
		snprintf(login, sizeof login, "user%d", i);
		good += tries(1000, "192.0.2.1", login, 1);
	}
	assert_int_equal(good, 10 * PENALTY_SPRAY);
}

static void test_ipv6_counts_by_64(void **state)
{
	(void)state;
	begin(secret, 10, false);
	assert_int_equal(tries(1000, "2001:db8::1", "alice", 20), 10);
	assert_int_equal(tries(1000, "2001:db8::ffff:1", "alice", 20), 0);
	assert_int_equal(tries(1000, "2001:db8:0:1::1", "alice", 20), 10);
}

/* A flood of other names does not wash out a bucket that is in use. */
static void test_flood_keeps_the_punished(void **state)
{
	char login[32];

	(void)state;
	begin(secret, 10, false);
	assert_int_equal(tries(1000, "192.0.2.1", "alice", 20), 10);
	for (int i = 0; i < 100000; i++) {
		char client[32];

		snprintf(login, sizeof login, "user%d", i);
		snprintf(client, sizeof client, "10.%d.%d.1", i / 256 % 256, i % 256);
		tries(1000, client, login, 1);
	}
	assert_int_equal(tries(1000, "192.0.2.1", "alice", 20), 0);
}

/* A thousand addresses get no more tries of one login than the rate says. */
static void test_strangers_share_a_limit(void **state)
{
	unsigned good = 0;
	char client[32];

	(void)state;
	begin(secret, 10, true);
	for (int i = 0; i < 1000; i++) {
		snprintf(client, sizeof client, "10.0.%d.%d", i / 250, i % 250);
		good += tries(1000, client, "alice", 1);
	}
	assert_int_equal(good, 10 * PENALTY_STRANGERS);
	assert_int_equal(tries(1000, "10.1.0.1", "bob", 1), 1);
}

/* Whoever has been here before comes in while strangers guess; after a restart, too. */
static void test_known_are_not_locked_out(void **state)
{
	static char kept[sizeof(struct penalty_memory)];
	struct str known;

	(void)state;
	begin(secret, 10, true);
	assert_int_equal(penalty_known(&p).n, 0);
	assert_int_equal(tries(1000, "192.0.2.1", "alice", 1), 1);
	penalty_success(&p, 1000, 20000, STR("192.0.2.1"), STR("alice"));
	for (int i = 0; i < 10; i++) {
		char client[32];

		snprintf(client, sizeof client, "10.0.0.%d", i);
		tries(1000, client, "alice", 10);
	}
	assert_int_equal(tries(1000, "10.9.9.9", "alice", 1), 0);
	assert_int_equal(tries(1000, "192.0.2.1", "alice", 1), 1);
	assert_int_equal(tries(1000, "192.0.2.1", "bob", 1), 1);
	known = penalty_known(&p);
	assert_int_equal(known.n, sizeof kept);
	memcpy(kept, known.p, known.n);
	assert_int_equal(penalty_known(&p).n, 0);
	begin((const uint64_t[2]){ 1, 2 }, 10, true);
	penalty_restore(&p, str_bytes(kept, sizeof kept - 1)); /* does not fit: nothing of it */
	penalty_restore(&p, str_bytes(kept, sizeof kept));
	for (int i = 0; i < 30; i++) {
		char client[32];

		snprintf(client, sizeof client, "10.0.0.%d", i);
		tries(1000, client, "alice", 1);
	}
	assert_int_equal(tries(1000, "10.9.9.9", "alice", 1), 0);
	assert_int_equal(tries(1000, "192.0.2.1", "alice", 1), 1);
}

/* Eight networks of a login at most; the one that was not seen for the longest time goes first. */
static void test_known_are_bounded(void **state)
{
	unsigned here = 0;
	char client[32];

	(void)state;
	begin(secret, 1, true);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(client, sizeof client, "192.0.2.%u", i);
		penalty_success(&p, 1000, 20000 + i, str_of(client), STR("alice"));
	}
	assert_int_equal(
	    tries(1000, "10.0.0.1", "alice", 1) + tries(1000, "10.0.0.2", "alice", 1), 2);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(client, sizeof client, "192.0.2.%u", i);
		here += tries(1000, client, "alice", 1);
	}
	assert_int_equal(here, KNOWN_EACH);
}

static void test_off(void **state)
{
	(void)state;
	begin(secret, 0, false);
	assert_int_equal(tries(1000, "192.0.2.1", "alice", 5000), 5000);
	assert_int_equal(tries(1000, "", "", 10), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_vectors),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_nobody_is_no_login),
		cmocka_unit_test(test_success_gives_back),
		cmocka_unit_test(test_network_is_limited_too),
		cmocka_unit_test(test_ipv6_counts_by_64),
		cmocka_unit_test(test_flood_keeps_the_punished),
		cmocka_unit_test(test_strangers_share_a_limit),
		cmocka_unit_test(test_known_are_not_locked_out),
		cmocka_unit_test(test_known_are_bounded),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
