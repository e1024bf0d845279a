/* Grants and handovers: each nonce once, in time, and from the right process only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../master/spawn/join.h"

enum { LIFE = GRANT_SECONDS * 1000 };

static struct join j;
static struct pair out;

static int setup(void **state)
{
	(void)state;
	memset(&j, 0, sizeof j);
	memset(&out, 0, sizeof out);
	return 0;
}

static struct grant grant_of(unsigned n, unsigned instance)
{
	static char address[64];
	struct grant g = { .login_instance = (uint16_t)instance };

	memcpy(g.nonce, &n, sizeof n);
	memset(address, 'x', sizeof address);
	memcpy(address, "alice@example.org", 17);
	g.account.address = str_bytes(address, 17);
	g.account.home = STR("example.org/alice");
	return g;
}

static struct arrival arrival_of(unsigned n, unsigned instance)
{
	static char input[64];
	struct arrival a = { .instance = instance, .id = n, .gen = 1, .fd = (int)(1000 + n) };

	memcpy(a.handover.nonce, &n, sizeof n);
	memcpy(input, "a2 NOOP\r\n", 9);
	a.handover.client = STR("192.0.2.1");
	a.handover.tag = STR("a1");
	a.handover.input = str_bytes(input, 9);
	return a;
}

static enum join_result grant(uint64_t now, unsigned n, unsigned instance)
{
	struct grant g = grant_of(n, instance);
	enum join_result r = join_grant(&j, now, &g, &out);

	memset(
	    (char *)(uintptr_t)g.account.address.p, 0, 17); /* the packet's memory is used anew */
	return r;
}

static enum join_result arrive(uint64_t now, unsigned n, unsigned instance)
{
	struct arrival a = arrival_of(n, instance);
	enum join_result r = join_arrival(&j, now, &a, &out);

	if (r == JOIN_WAIT)
		memset((char *)(uintptr_t)a.handover.input.p, 0, 9);
	return r;
}

static void assert_pair(unsigned n)
{
	assert_true(str_eq(out.grant.account.home, STR("example.org/alice")));
	assert_true(str_eq(out.arrival.handover.input, STR("a2 NOOP\r\n")));
	assert_true(str_eq(out.arrival.handover.tag, STR("a1")));
	assert_int_equal(out.arrival.fd, 1000 + n);
	assert_int_equal(out.arrival.id, n);
	free(out.memory);
}

static void test_grant_first(void **state)
{
	(void)state;
	assert_int_equal(grant(5, 1, 7), JOIN_WAIT);
	assert_int_equal(arrive(5 + LIFE - 1, 1, 7), JOIN_PAIR);
	assert_true(str_eq(out.grant.account.address, STR("alice@example.org")));
	assert_pair(1);
	assert_int_equal(j.waiting, 0);
}

static void test_handover_first(void **state)
{
	(void)state;
	assert_int_equal(arrive(5, 1, 7), JOIN_WAIT);
	assert_int_equal(grant(6, 1, 7), JOIN_PAIR);
	assert_pair(1);
	assert_int_equal(j.waiting, 0);
}

static void test_repeated(void **state)
{
	(void)state;
	assert_int_equal(grant(5, 1, 7), JOIN_WAIT);
	assert_int_equal(grant(5, 1, 7), JOIN_REPEATED);
	assert_int_equal(arrive(5, 1, 7), JOIN_PAIR);
	assert_int_equal(arrive(6, 1, 7), JOIN_REPEATED);
	assert_int_equal(arrive(6, 1, 8), JOIN_REPEATED);
	assert_int_equal(grant(6, 1, 7), JOIN_REPEATED);
	assert_int_equal(arrive(6, 2, 7), JOIN_WAIT);
	assert_int_equal(arrive(6, 2, 7), JOIN_REPEATED);
	assert_true(join_orphan(&j, 7, &out));
	free(out.memory);
}

/* Another login process shows a nonce that is not its own: refused, and the right one still may. */
static void test_foreign(void **state)
{
	(void)state;
	assert_int_equal(grant(5, 1, 7), JOIN_WAIT);
	assert_int_equal(arrive(5, 1, 8), JOIN_FOREIGN);
	assert_int_equal(arrive(5, 1, 7), JOIN_PAIR);
	assert_pair(1);

	assert_int_equal(arrive(5, 2, 8), JOIN_WAIT);
	assert_int_equal(grant(5, 2, 7), JOIN_FOREIGN);
	assert_int_equal(out.arrival.fd, 1002);
	free(out.memory);
	assert_int_equal(arrive(5, 2, 7), JOIN_PAIR);
	assert_pair(2);
}

static void test_late(void **state)
{
	(void)state;
	assert_int_equal(grant(5, 1, 7), JOIN_WAIT);
	assert_int_equal(arrive(5 + LIFE, 1, 7), JOIN_WAIT); /* as if nothing had been granted */
	assert_int_equal(join_expired(&j, 5 + LIFE, &out), 2);
	assert_true(str_eq(out.grant.account.address, STR("alice@example.org")));
	assert_int_equal(join_expired(&j, 5 + LIFE, &out), 0);
	assert_int_equal(grant(5 + 2 * LIFE, 1, 7), JOIN_WAIT);
	assert_int_equal(join_expired(&j, 5 + 2 * LIFE, &out), 1);
	assert_int_equal(out.arrival.fd, 1001);
	free(out.memory);
	assert_int_equal(join_expired(&j, 5 + 2 * LIFE, &out), 0);
	assert_int_equal(j.waiting, 1);
}

static void test_bounded(void **state)
{
	unsigned n = 0;

	(void)state;
	while (grant(5, n, 7) == JOIN_WAIT)
		n++;
	assert_int_equal(n, JOIN_GRANTS_EACH);
	assert_int_equal(grant(5, n, 7), JOIN_FULL);
	/* the others are not harmed */
	assert_int_equal(grant(5, 5000, 8), JOIN_WAIT);
	assert_int_equal(arrive(5, 5000, 8), JOIN_PAIR);
	assert_int_equal(arrive(5, 0, 7), JOIN_PAIR);
	assert_pair(0);
	assert_int_equal(grant(5, n, 7), JOIN_WAIT);
	while (join_expired(&j, 5 + LIFE, &out) == 2)
		;
	assert_int_equal(j.waiting, 0);

	for (n = 0; arrive(5, 10000 + n, 7) == JOIN_WAIT; n++)
		;
	assert_int_equal(n, JOIN_HANDOVERS_EACH);
	assert_int_equal(arrive(5, 20000, 8), JOIN_WAIT);
	assert_int_equal(grant(5, 20000, 8), JOIN_PAIR);
	free(out.memory);
	while (join_orphan(&j, 7, &out))
		free(out.memory);
	assert_int_equal(j.waiting, 0);
}

/* More nonces than are remembered: the oldest is early again, and gets nothing. */
/* A grant that is waited for when the account is disabled starts no session. */
static void test_revoked(void **state)
{
	struct grant other = grant_of(2, 3);

	(void)state;
	other.account.home = STR("example.org/bob");
	assert_int_equal(grant(0, 1, 3), JOIN_WAIT);
	assert_int_equal(join_grant(&j, 0, &other, &out), JOIN_WAIT);
	join_revoke(&j, 0, STR("example.org/alice"));
	assert_int_equal(j.waiting, 1);
	assert_int_equal(arrive(0, 1, 3), JOIN_REPEATED);
	assert_int_equal(arrive(0, 2, 3), JOIN_PAIR);
	/* with the new password */
	assert_int_equal(grant(0, 4, 3), JOIN_WAIT);
	assert_int_equal(arrive(0, 4, 3), JOIN_PAIR);
}

static void test_spent_ring(void **state)
{
	(void)state;
	for (unsigned n = 0; n <= JOIN_SPENT; n++) {
		assert_int_equal(grant(5, n, 7), JOIN_WAIT);
		assert_int_equal(arrive(5, n, 7), JOIN_PAIR);
	}
	assert_int_equal(arrive(5, 1, 7), JOIN_REPEATED);
	assert_int_equal(arrive(5, 0, 7), JOIN_WAIT);
	assert_true(join_orphan(&j, 7, &out));
	free(out.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_grant_first, setup),
		cmocka_unit_test_setup(test_handover_first, setup),
		cmocka_unit_test_setup(test_repeated, setup),
		cmocka_unit_test_setup(test_foreign, setup),
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_bounded, setup),
		cmocka_unit_test_setup(test_revoked, setup),
		cmocka_unit_test_setup(test_spent_ring, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
