/* LOOKUP_SENDER: whose address is it? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../../../services/lookup/sender.h"
#include "fixture.h"

#define ALICE "alice@example.org"

static struct access_answer ask(const char *login, const char *const *addresses, uint32_t n)
{
	struct sender_question q = { .login = str_of(login), .n = n };
	struct access_answer a;
	struct run r;

	for (uint32_t i = 0; i < n; i++)
		q.addresses[i] = str_of(addresses[i]);
	for (int i = 0; i < 20; i++) {
		r = new_run();
		sender_answer(&r, &q, &a);
		if (!run_waits(&r))
			return a;
		no_more_accounts(&r);
	}
	fail_msg("it asks for ever more accounts");
	return a;
}

static void check_status(const char *address, int code, const char *enhanced)
{
	struct access_answer a = ask(ALICE, &address, 1);

	if (a.status.code != code)
		print_error("%s: %d %s (%s)\n", address, a.status.code, a.status.text, z(a.rule));
	assert_int_equal(a.status.code, code);
	assert_string_equal(a.status.enhanced, enhanced);
}

static void check(const char *address, int code)
{
	check_status(address, code, code == 250 ? "2.1.0" : code == 553 ? "5.7.1" : "4.3.0");
}

static void test_own(void **state)
{
	(void)state;
	set("mailbox_domains", "example.org");
	load();
	check(ALICE, 250);
	check("Alice@Example.org", 250);
	check("alice+lists@example.org", 250);
	check("bob@example.org", 553);
	check("alice@example.com", 553);
	check("alicex@example.org", 553);
	check("+alice@example.org", 553);
}

static void test_table(void **state)
{
	struct access_answer a;
	const char *one = "sales@example.org";

	(void)state;
	file("logins", "sales@example.org alice@example.org, bob@example.org\n"
		       "news@example.org bob@example.org\n"
		       "@alice.example alice@example.org\n"
		       "short@example.org\tcarol alice\n"
		       "info alice@example.org\n");
	set("sender_login_maps", "texthash:logins");
	set("auth_default_domain", "example.org");
	set("local_domains", "host.example");
	set("mailbox_domains", "example.org");
	load();
	check("sales@example.org", 250);
	check("sales+x@example.org", 250);
	check("news@example.org", 553);
	check("anything@alice.example", 250);
	check("short@example.org", 250);
	check("info@host.example", 250);
	check("info@example.org", 553);
	/* an address that the table gives to others stays one's own, too */
	check(ALICE, 250);
	a = ask("bob@example.org", &one, 1);
	assert_int_equal(a.status.code, 250);
	assert_true(str_starts(a.rule, STR("texthash:logins")));
	a = ask("mallory@example.org", &one, 1);
	assert_int_equal(a.status.code, 553);
}

static void test_aliases(void **state)
{
	(void)state;
	file("virtual", "sales@example.org alice@example.org\n"
			"team@example.org alice@example.org, bob@example.org\n"
			"chain@example.org sales@example.org\n"
			"loop@example.org pool@example.org\n"
			"pool@example.org loop@example.org\n"
			"@catch.example alice@example.org\n"
			"@moved.example @example.org\n");
	file("aliases", "webmaster alice@example.org\n"
			"staff webmaster\n"
			"all alice@example.org, bob@example.org\n"
			"list :include:members\n"
			"run \"|command\"\n");
	file("canonical", "maiden@example.org alice@example.org\n");
	set("virtual_alias_maps", "texthash:virtual");
	set("alias_maps", "texthash:aliases");
	set("recipient_canonical_maps", "texthash:canonical");
	set("local_domains", "host.example");
	set("mailbox_domains", "example.org");
	load();
	check("sales@example.org", 250);
	check("chain@example.org", 250);
	check("maiden@example.org", 250);
	check("anything@catch.example", 250);
	check("alice@moved.example", 250);
	check("bob@moved.example", 553);
	check("webmaster@host.example", 250);
	check("staff@host.example", 250);
	/* others get the mail as well, so it is not this login's alone */
	check("team@example.org", 553);
	check("all@host.example", 553);
	check("list@host.example", 553);
	check("run@host.example", 553);
	check("loop@example.org", 553);
}

/* What the account database says of the account, and its aliases. */
static void test_accounts(void **state)
{
	struct account alice = { .address = STR(ALICE),
		.enabled = true,
		.may_submit = true,
		.senders = STR("office@example.org @own.example") };
	struct account alias = { .address = STR("info@example.org"), .targets = STR(ALICE) };
	struct account team = { .address = STR("team@example.org"),
		.targets = STR(ALICE " bob@example.org") };

	(void)state;
	set("mailbox_domains", "example.org");
	load();
	accounts_learn(alice.address, &alice);
	accounts_learn(alias.address, &alias);
	accounts_learn(team.address, &team);
	check("office@example.org", 250);
	check("office+x@example.org", 250);
	check("any@own.example", 250);
	check("any@not-own.example", 553);
	check("info@example.org", 250);
	check("team@example.org", 553);
	check("bob@example.org", 553);
	alice.may_submit = false;
	accounts_learn(alice.address, &alice);
	check_status(ALICE, 550, "5.7.1");
}

static void test_several(void **state)
{
	const char *good[] = { ALICE, "sales@example.org" };
	const char *bad[] = { ALICE, "bob@example.org", "sales@example.org" };
	struct access_answer a;

	(void)state;
	file("virtual", "sales@example.org alice@example.org\n");
	set("virtual_alias_maps", "texthash:virtual");
	load();
	assert_int_equal(ask(ALICE, good, 2).status.code, 250);
	a = ask(ALICE, bad, 3);
	assert_int_equal(a.status.code, 553);
	assert_non_null(strstr(a.status.text, "bob@example.org"));
	assert_non_null(strstr(a.status.text, ALICE));
}

static void unnoticed(const struct table *t, bool changed, bool stale)
{
	(void)t;
	(void)changed;
	(void)stale;
}

/* A table that fails is never "not found". */
static void test_broken_table(void **state)
{
	(void)state;
	file("logins", "sales@example.org alice@example.org\n");
	set("sender_login_maps", "texthash:logins");
	load();
	check("sales@example.org", 250);
	assert_int_equal(unlinkat(tables_fd, "logins", 0), 0);
	policy_refresh(policy, 5000, unnoticed);
	check("sales@example.org", 451);
	check(ALICE, 250);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_own),
		T(test_table),
		T(test_aliases),
		T(test_accounts),
		T(test_several),
		T(test_broken_table),
	};

	log_threshold(LEVEL_ERROR + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
