/* Who may send to whom, and the rules of access(5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"

static void unnoticed(const struct table *t, bool changed, bool stale)
{
	(void)t;
	(void)changed;
	(void)stale;
}

#define STRANGER "198.51.100.7"
#define FRIEND   "127.0.0.1"

static void test_classes(void **state)
{
	(void)state;
	file("aliases", "root  alice@mail.example\nstaff  alice, bob\n");
	file("virtual", "info@alias.example  alice@mail.example\n@any.example x@mail.example\n");
	file("relay", "known@relay.example x\n@open.relay.example x\n");
	set("local_domains", "host.example");
	set("mailbox_domains", "mail.example");
	set("virtual_alias_domains", "alias.example");
	set("virtual_alias_domains", "any.example");
	set("relay_domains", "relay.example");
	set("relay_domains", ".relay.example");
	set("alias_maps", "texthash:aliases");
	set("virtual_alias_maps", "texthash:virtual");
	set("relay_recipient_maps", "texthash:relay");
	load();
	account("alice@mail.example", "mail.example/alice");
	account("carol@host.example", "host.example/carol");
	rcpt(STRANGER, "alice@mail.example", 250, "2.1.5");
	rcpt(STRANGER, "ALICE@mail.example", 250, "2.1.5");
	rcpt(STRANGER, "alice+list@mail.example", 250, "2.1.5");
	rcpt(STRANGER, "bob@mail.example", 550, "5.1.1");
	rcpt(STRANGER, "root@host.example", 250, "2.1.5");
	rcpt(STRANGER, "staff+x@host.example", 250, "2.1.5");
	rcpt(STRANGER, "carol@host.example", 250, "2.1.5");
	rcpt(STRANGER, "nobody@host.example", 550, "5.1.1");
	rcpt(STRANGER, "info@alias.example", 250, "2.1.5");
	rcpt(STRANGER, "other@alias.example", 550, "5.1.1");
	rcpt(STRANGER, "whoever@any.example", 250, "2.1.5");
	rcpt(STRANGER, "known@relay.example", 250, "2.1.5");
	rcpt(STRANGER, "unknown@relay.example", 550, "5.1.1");
	rcpt(STRANGER, "x@open.relay.example", 250, "2.1.5");
	rcpt(STRANGER, "x@other.relay.example", 550, "5.1.1");
	rcpt(STRANGER, "x@elsewhere.example", 554, "5.7.1");
	rcpt(FRIEND, "x@elsewhere.example", 250, "2.1.5");
	rcpt("::1", "x@elsewhere.example", 250, "2.1.5");
	rcpt("", "x@elsewhere.example", 554, "5.7.1");
	rcpt("nonsense", "x@elsewhere.example", 554, "5.7.1");
}

static void test_rules_are_named(void **state)
{
	struct access_answer a;

	(void)state;
	file("virtual", "# aliases\ninfo@mail.example  alice@mail.example\n");
	set("mailbox_domains", "mail.example");
	set("virtual_alias_maps", "texthash:virtual");
	load();
	account("alice@mail.example", "mail.example/alice");
	a = ask_rcpt(STRANGER, "alice@mail.example");
	assert_non_null(strstr(z(a.rule), "mailbox_domains mail.example (thurn.conf:"));
	assert_non_null(strstr(z(a.rule), "): account alice@mail.example"));
	a = ask_rcpt(STRANGER, "info@mail.example");
	assert_string_equal(z(a.rule), "texthash:virtual:2");
	a = ask_rcpt(STRANGER, "no@mail.example");
	assert_non_null(strstr(z(a.rule), "mailbox_domains mail.example (thurn.conf:"));
	a = ask_rcpt(FRIEND, "no@elsewhere.example");
	assert_non_null(strstr(z(a.rule), "trusted_networks (default)"));
}

/* 22, 23: nobody is asked to send on. */
static void test_source_routes(void **state)
{
	(void)state;
	set("mailbox_domains", "mail.example");
	set("relay_domains", "relay.example");
	load();
	account("x%y@mail.example", "mail.example/x");
	rcpt(STRANGER, "user%elsewhere.example@mail.example", 550, "5.7.1");
	rcpt(FRIEND, "user%elsewhere.example@mail.example", 550, "5.7.1");
	rcpt(STRANGER, "elsewhere.example!user@relay.example", 550, "5.7.1");
	rcpt(STRANGER, "\"user@elsewhere.example\"@mail.example", 550, "5.7.1");
	rcpt(STRANGER, "user%x@elsewhere.example", 550, "5.7.1");
	rcpt(FRIEND, "user%x@elsewhere.example", 250, "2.1.5");
	rcpt(STRANGER, "\"|sh -c id\"@mail.example", 550, "5.1.1");
}

static void test_postmaster(void **state)
{
	(void)state;
	set("mailbox_domains", "mail.example");
	set("mailbox_domains", "second.example");
	load();
	rcpt(STRANGER, "postmaster@mail.example", 550, "5.1.1");
	set("postmaster", "boss@mail.example");
	load();
	account("boss@mail.example", "mail.example/boss");
	rcpt(STRANGER, "postmaster@mail.example", 250, "2.1.5");
	rcpt(STRANGER, "PostMaster@second.example", 250, "2.1.5");
	rcpt(STRANGER, "postmaster+x@second.example", 250, "2.1.5");
	route("postmaster@second.example", "boss@mail.example maildir mail.example/boss");
}

static void test_disabled(void **state)
{
	struct account a = {
		.address = STR("a@mail.example"), .home = STR("x/a"), .uid = 1, .gid = 1
	};

	(void)state;
	set("mailbox_domains", "mail.example");
	load();
	accounts_learn(a.address, &a);
	rcpt(STRANGER, "a@mail.example", 550, "5.2.1");
}

static void test_canonical(void **state)
{
	(void)state;
	set("mailbox_domains", "mail.example");
	set("recipient_canonical_maps",
	    "inline:{old@mail.example=new@mail.example,@was.example=@mail.example}");
	set("mailbox_domains", "was.example");
	load();
	account("new@mail.example", "mail.example/new");
	rcpt(STRANGER, "old@mail.example", 250, "2.1.5");
	rcpt(STRANGER, "new@was.example", 250, "2.1.5");
	rcpt(STRANGER, "nix@was.example", 550, "5.1.1");
}

static void test_access(void **state)
{
	struct access_answer a;

	(void)state;
	file("rcpt", "spam@mail.example  REJECT go away\n"
		     "mail.example  DUNNO\n"
		     ".below.example  550 5.7.26 no subdomains\n"
		     "abuse@  OK\n"
		     "later@mail.example  DEFER\n"
		     "odd@mail.example  RESTRICTION_CLASS\n"
		     "num@mail.example  12345\n"
		     "perhaps@mail.example  DEFER_IF_PERMIT wait\n"
		     "nobody@mail.example  DEFER_IF_REJECT\n"
		     "code@mail.example 421 4.9.9 bye\n"
		     "wrong@mail.example 550 4.1.1 text\n");
	set("mailbox_domains", "mail.example");
	set("recipient_access", "texthash:rcpt");
	load();
	account("spam@mail.example", "x/x");
	account("perhaps@mail.example", "x/x");
	rcpt(FRIEND, "spam@mail.example", 554, "5.7.1");
	rcpt(FRIEND, "spam+x@mail.example", 554, "5.7.1");
	a = ask_rcpt(STRANGER, "spam@mail.example");
	assert_string_equal(a.status.text, "go away");
	assert_string_equal(z(a.rule), "texthash:rcpt:1");
	rcpt(STRANGER, "x@mail.example", 550, "5.1.1");
	rcpt(FRIEND, "x@a.below.example", 550, "5.7.26");
	/* OK opens no relay and makes nobody exist */
	rcpt(STRANGER, "abuse@elsewhere.example", 554, "5.7.1");
	rcpt(STRANGER, "num@mail.example", 550, "5.1.1");
	rcpt(STRANGER, "later@mail.example", 450, "4.7.1");
	rcpt(STRANGER, "odd@mail.example", 451, "4.3.5");
	rcpt(STRANGER, "perhaps@mail.example", 450, "4.7.1");
	rcpt(STRANGER, "nobody@mail.example", 450, "4.7.1");
	rcpt(STRANGER, "code@mail.example", 421, "4.9.9");
	a = ask_rcpt(STRANGER, "wrong@mail.example");
	assert_string_equal(a.status.text, "4.1.1 text");
	assert_string_equal(a.status.enhanced, "5.7.1");
}

static struct access_answer ask(
    void (*fn)(struct run *, const struct access_question *, struct access_answer *),
    const char *client, const char *helo, const char *sender)
{
	struct access_question q = {
		.client = str_of(client), .helo = str_of(helo), .sender = str_of(sender)
	};
	struct access_answer a;
	struct run r = new_run();

	fn(&r, &q, &a);
	return a;
}

static void rcpt_alice(struct run *r, const struct access_question *q, struct access_answer *a)
{
	struct access_question with = *q;

	with.rcpt = STR("alice@mail.example");
	rcpt_answer(r, &with, a);
}

static void rcpt_none(struct run *r, const struct access_question *q, struct access_answer *a)
{
	struct access_question with = *q;

	with.rcpt = STR("none@else.example");
	rcpt_answer(r, &with, a);
}

static void test_client_and_sender(void **state)
{
	struct access_answer a;

	(void)state;
	file("clients", "192.0.2  REJECT net\n192.0.2.5 OK\n2001:db8  REJECT six\n");
	file("cidr", "203.0.113.0/24  450 4.7.0 slow\n");
	file("helo", "evil.example  REJECT\n");
	file("senders", "<>  450 no bounces\n/x/ y\n");
	file("pcre", "/^spam.*@/ REJECT pattern\n");
	set("client_access", "texthash:clients");
	set("client_access", "cidr:cidr");
	set("helo_access", "texthash:helo");
	set("sender_access", "texthash:senders");
	set("sender_access", "pcre:pcre");
	load();
	a = ask(access_answer_client, "192.0.2.7", "", "");
	assert_int_equal(a.status.code, 554);
	assert_string_equal(z(a.rule), "texthash:clients:1");
	assert_int_equal(ask(access_answer_client, "192.0.2.5", "", "").status.code, 250);
	assert_int_equal(ask(access_answer_client, "192.0.20.5", "", "").status.code, 250);
	assert_int_equal(ask(access_answer_client, "2001:db8::5", "", "").status.code, 554);
	assert_int_equal(ask(access_answer_client, "2001:db80::5", "", "").status.code, 250);
	a = ask(access_answer_client, "203.0.113.9", "", "");
	assert_int_equal(a.status.code, 450);
	assert_string_equal(z(a.rule), "cidr:cidr:1");
	assert_false(a.relay);
	assert_true(ask(access_answer_client, "127.0.0.1", "", "").relay);
	assert_true(ask(access_answer_client, "::ffff:127.0.0.1", "", "").relay);
	assert_int_equal(ask(rcpt_alice, "", "EVIL.example", "a@b.example").status.code, 554);
	assert_int_equal(ask(rcpt_alice, "", "x.evil.example", "a@b.example").status.code, 554);
	assert_int_equal(ask(rcpt_alice, "", "good.example", "").status.code, 450);
	assert_int_equal(ask(rcpt_alice, "", "good.example", "a@b.example").status.code, 554);
	assert_string_equal(
	    ask(rcpt_alice, "", "good.example", "a@b.example").status.enhanced, "5.7.1");
	a = ask(rcpt_alice, "", "good.example", "spammer@b.example");
	assert_int_equal(a.status.code, 554);
	assert_string_equal(z(a.rule), "pcre:pcre:1");
}

/* What is said about HELO and sender counts for each recipient. */
static void test_rules_at_rcpt(void **state)
{
	(void)state;
	set("mailbox_domains", "mail.example");
	set("helo_access", "inline:{evil.example=REJECT}");
	set("sender_access", "inline:{{<> = 450 4.7.9 no bounces}, bad.example=DEFER_IF_REJECT}");
	load();
	account("alice@mail.example", "x/x");
	assert_int_equal(
	    ask(rcpt_alice, STRANGER, "x.evil.example", "a@b.example").status.code, 554);
	assert_string_equal(ask(rcpt_alice, STRANGER, "good.example", "").status.enhanced, "4.7.9");
	assert_int_equal(
	    ask(rcpt_alice, STRANGER, "good.example", "a@bad.example").status.code, 250);
	assert_int_equal(
	    ask(rcpt_none, STRANGER, "good.example", "a@bad.example").status.code, 450);
}

static void acts(const struct access_answer *a, uint32_t i, enum action_kind kind,
    const char *value, const char *rule)
{
	const char *rest;

	assert_true(i < a->nactions);
	assert_int_equal(a->actions[i].kind, kind);
	assert_string_equal(z(a->actions[i].value), value);
	assert_true(str_starts(a->actions[i].rule, str_of(rule)));
	/* a table without a file is found at its setting */
	rest = z(str_skip(a->actions[i].rule, strlen(rule)));
	if (strncmp(rule, "inline:", 7) == 0)
		assert_int_equal(strncmp(rest, " (thurn.conf:", 13), 0);
	else
		assert_string_equal(rest, "");
}

/* What is to be done with the message: one rule each for client, HELO name, sender and recipient.
 */
static void test_actions(void **state)
{
	static const char *const wrong[] = { "FILTER nowhere", "FILTER maildir:x", "FILTER :x",
		"REDIRECT <", "BCC", "PREPEND no colon", "PREPEND X Y: z", "PREPEND X:", NULL };
	struct access_answer a;

	(void)state;
	set("mailbox_domains", "mail.example");
	set("origin", "origin.example");
	set("client_access", "inline:{{192.0.2.99 = HOLD a net}}");
	set("helo_access", "inline:{{odd.example = PREPEND X-Odd: yes, i know}}");
	set("sender_access", "inline:{{a@b.example = REDIRECT abuse}, {c@d.example = REJECT}}");
	set("recipient_access", "inline:{{alice@mail.example = FILTER smtp:[127.0.0.1]:10025}}");
	load();
	account("alice@mail.example", "x/x");
	a = ask(rcpt_alice, "192.0.2.99", "odd.example", "a@b.example");
	assert_int_equal(a.status.code, 250);
	assert_int_equal(a.nactions, 4);
	acts(&a, 0, ACTION_HOLD, "a net", "inline:{{192.0.2.99 = HOLD a net}}");
	acts(&a, 1, ACTION_PREPEND, "X-Odd: yes, i know",
	    "inline:{{odd.example = PREPEND X-Odd: yes, i know}}");
	acts(&a, 2, ACTION_REDIRECT, "abuse@origin.example",
	    "inline:{{a@b.example = REDIRECT abuse}, {c@d.example = REJECT}}");
	acts(&a, 3, ACTION_FILTER, "smtp:[127.0.0.1]:10025",
	    "inline:{{alice@mail.example = FILTER smtp:[127.0.0.1]:10025}}");
	/* nothing is done with what is refused, whoever refuses it */
	assert_int_equal(ask(rcpt_alice, "192.0.2.99", "odd.example", "c@d.example").nactions, 0);
	a = ask(rcpt_none, "192.0.2.99", "odd.example", "a@b.example");
	assert_int_equal(a.status.code, 554);
	assert_int_equal(a.nactions, 0);
	assert_int_equal(ask(rcpt_alice, "192.0.2.98", "even.example", "").nactions, 1);
	for (size_t i = 0; wrong[i] != NULL; i++) {
		struct run r = new_run();
		struct verdict v;

		verdict_read(&r, str_of(wrong[i]), STR("rule"), STR("subject"), &v);
		assert_int_equal(v.kind, VERDICT_REFUSE);
		assert_int_equal(v.status.code, 451);
		assert_false(v.acts);
	}
}

/* What a filter gets is not expanded before, and goes where the rule says. */
static void test_filter_route(void **state)
{
	static const struct {
		const char *filter, *want;
	} rows[] = { { "smtp:[127.0.0.1]:10025", "info@mail.example smtp [127.0.0.1]:10025" },
		{ "lmtp:inet:[::1]:24", "info@mail.example lmtp [::1]:24" },
		{ "smtp:", "info@mail.example smtp mail.example" },
		{ "retry:4.9.1 later", "info@mail.example error 450 4.9.1" },
		{ "gone wrong", "info@mail.example error 451 4.3.5" } };

	(void)state;
	set("mailbox_domains", "mail.example");
	set("virtual_alias_maps", "inline:{info@mail.example=alice@mail.example}");
	load();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct run r = new_run();
		struct route_question q = { .sender = STR("a@b.example"),
			.rcpt = STR("info@mail.example"),
			.filter = str_of(rows[i].filter),
			.filter_rule = STR("the rule") };
		struct routes routes;

		route_answer(&r, &q, &routes);
		assert_string_equal(text_of(&routes), rows[i].want);
		assert_false(routes.expanded);
		assert_string_equal(z(routes.first->rule), "the rule");
	}
}

/* A table that fails is never "not found": 451, and the rule says which. */
static void test_failure(void **state)
{
	struct access_answer a;
	struct routes routes;

	(void)state;
	file("v", "info@mail.example alice@mail.example\n");
	set("mailbox_domains", "mail.example");
	set("virtual_alias_maps", "texthash:v");
	load();
	account("alice@mail.example", "x/x");
	rcpt(STRANGER, "alice@mail.example", 250, "2.1.5");
	assert_int_equal(unlinkat(tables_fd, "v", 0), 0);
	policy_refresh(policy, 5000, unnoticed);
	a = ask_rcpt(STRANGER, "alice@mail.example");
	assert_int_equal(a.status.code, 451);
	assert_string_equal(a.status.enhanced, "4.3.0");
	assert_string_equal(z(a.rule), "texthash:v");
	routes = ask_route("a@b.example", "alice@mail.example");
	assert_string_equal(text_of(&routes), "alice@mail.example error 451 4.3.0");
	/* so is an account service that is silent */
	file("v", "x@y z@y\n");
	policy_refresh(policy, 9000, unnoticed);
	struct memo silent = { .state = ACCOUNT_UNKNOWN };
	accounts_clear();
	strmap_put(&memos, STR("alice@mail.example"), &silent);
	a = ask_rcpt(STRANGER, "alice@mail.example");
	assert_int_equal(a.status.code, 451);
	assert_string_equal(z(a.rule), "accounts");
	/* evil patterns */
	file("p", "/^(a+)+$/ x@mail.example\n");
	set("virtual_alias_maps", "pcre:p");
	load();
	a = ask_rcpt(STRANGER,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@mail.example");
	assert_int_equal(a.status.code, 451);
	assert_string_equal(z(a.rule), "pcre:p:1");
}

static void test_load(void **state)
{
	(void)state;
	set("mailbox_domains", "mail.example");
	set("relay_domains", "Mail.Example");
	refused("relay_domains: mail.example is already in mailbox_domains (thurn.conf:");
	conf_free(conf);
	conf = conf_new();
	file("d", "mail.example x\n");
	set("mailbox_domains", "mail.example");
	set("relay_domains", "texthash:d");
	refused("relay_domains: mail.example is already in mailbox_domains");
	conf_free(conf);
	conf = conf_new();
	set("mailbox_domains", "texthash:d");
	set("virtual_alias_domains", "inline:{mail.example=x}");
	refused("mail.example is already in ");
	conf_free(conf);
	conf = conf_new();
	set("mailbox_domains", "not a domain");
	refused("is no domain");
	conf_free(conf);
	conf = conf_new();
	set("alias_maps", "hash:absent");
	refused("alias_maps: absent.db: No such file");
	conf_free(conf);
	conf = conf_new();
	set("alias_maps", "nothing");
	refused("alias_maps: nothing: not a table");
	conf_free(conf);
	conf = conf_new();
	set("recipient_delimiter", "+@");
	refused("recipient_delimiter");
	conf_free(conf);
	conf = conf_new();
	char absolute[128];
	snprintf(absolute, sizeof absolute, "texthash:%s/d", tables);
	set("mailbox_domains", absolute);
	load();
}

static void test_two_classes_later(void **state)
{
	(void)state;
	file("d", "one.example x\n");
	set("mailbox_domains", "texthash:d");
	set("relay_domains", "two.example");
	load();
	file("d2", "one.example x\ntwo.example x\n");
	assert_int_equal(renameat(tables_fd, "d2", tables_fd, "d"), 0);
	policy_refresh(policy, 5000, unnoticed);
	rcpt(STRANGER, "x@two.example", 451, "4.3.0");
	rcpt(STRANGER, "x@one.example", 550, "5.1.1");
}

static void test_delimiters(void **state)
{
	(void)state;
	set("recipient_delimiter", "-+");
	set("local_domains", "host.example");
	set("alias_maps",
	    "inline:{owner-list=a@x.example, list-request=b@x.example, list=c@x.example}");
	load();
	account("jo@host.example", "h/jo");
	account("exact-match@host.example", "h/exact");
	rcpt(STRANGER, "jo-x+y@host.example", 250, "2.1.5");
	rcpt(STRANGER, "jo+x-y@host.example", 250, "2.1.5");
	rcpt(STRANGER, "-jo@host.example", 550, "5.1.1");
	rcpt(STRANGER, "owner-list@host.example", 250, "2.1.5");
	rcpt(STRANGER, "owner-other@host.example", 550, "5.1.1");
	rcpt(STRANGER, "jo-request@host.example", 550, "5.1.1");
	route("exact-match@host.example", "exact-match@host.example maildir h/exact");
	route("list-request@host.example", "b@x.example smtp x.example");
}

/* What DNS knows of a stranger; the code of the answer to a recipient who exists. */
static int by_dns(struct access_question q, const char *enhanced)
{
	struct access_answer a;
	struct run r = new_run();

	if (q.client.n == 0)
		q.client = STR(STRANGER);
	if (q.rcpt.n == 0)
		q.rcpt = STR("alice@mail.example");
	rcpt_answer(&r, &q, &a);
	assert_string_equal(a.status.enhanced, enhanced);
	return a.status.code;
}

static void dns_rules(const char *unknown)
{
	file("clients", ".good.example OK\n.bad.example REJECT\n");
	set("mailbox_domains", "mail.example");
	set("client_access", "texthash:clients");
	set("reject_unknown_clients", unknown);
	load();
	account("alice@mail.example", "mail.example/alice");
}

#define Q(...) ((struct access_question){ __VA_ARGS__ })

static void test_names_of_clients(void **state)
{
	(void)state;
	dns_rules("no");
	assert_int_equal(by_dns(Q(.name = STR("a.good.example")), "2.1.5"), 250);
	assert_int_equal(by_dns(Q(.name = STR("A.Bad.example")), "5.7.1"), 554);
	for (uint8_t i = 0; i < NAME_STATES; i++)
		assert_int_equal(by_dns(Q(.name_state = i), "2.1.5"), 250);
}

static void test_unknown_clients(void **state)
{
	(void)state;
	dns_rules("reverse");
	assert_int_equal(by_dns(Q(.name_state = NAME_UNASKED), "2.1.5"), 250);
	assert_int_equal(by_dns(Q(.name_state = NAME_CONFIRMED), "2.1.5"), 250);
	assert_int_equal(by_dns(Q(.name_state = NAME_UNCONFIRMED), "2.1.5"), 250);
	assert_int_equal(by_dns(Q(.name_state = NAME_NONE), "5.7.25"), 550);
	assert_int_equal(by_dns(Q(.name_state = NAME_FAILED), "4.7.25"), 450);
}

static void test_unconfirmed_clients(void **state)
{
	(void)state;
	dns_rules("confirmed");
	assert_int_equal(by_dns(Q(.name_state = NAME_UNCONFIRMED), "5.7.25"), 550);
	assert_int_equal(by_dns(Q(.name_state = NAME_NONE), "5.7.25"), 550);
	/* not whom we know */
	assert_int_equal(by_dns(Q(.name_state = NAME_NONE, .client = STR(FRIEND)), "2.1.5"), 250);
	assert_int_equal(by_dns(Q(.name_state = NAME_NONE, .login = STR("x")), "2.1.5"), 250);
	assert_int_equal(by_dns(Q(.name_state = NAME_NONE, .submission = true), "2.1.5"), 250);
	assert_int_equal(by_dns(Q(.name_state = NAME_NONE, .trusted = true), "2.1.5"), 250);
}

static void test_listed_clients(void **state)
{
	struct str listed = STR("list.test (127.0.0.2): why");

	(void)state;
	dns_rules("no");
	assert_int_equal(by_dns(Q(.listed = listed), "5.7.1"), 554);
	assert_int_equal(by_dns(Q(.listed = listed, .name = STR("x.good.example")), "2.1.5"), 250);
	assert_int_equal(by_dns(Q(.listed = listed, .client = STR(FRIEND)), "2.1.5"), 250);
}

/* By the certificate of the client, or by its key; another one proves nothing. */
static void test_relay_by_certificate(void **state)
{
	(void)state;
	file("certs", "AB:01 x\nCD:02 y\n");
	set("relay_clientcerts", "texthash:certs");
	dns_rules("reverse");
	assert_int_equal(by_dns(Q(.rcpt = STR("x@elsewhere.example")), "5.7.1"), 554);
	assert_int_equal(by_dns(Q(.rcpt = STR("x@elsewhere.example"), .certificate = STR("EF:03"),
				    .key = STR("EF:04"), .peer = STR("ab:01")),
			     "5.7.1"),
	    554);
	assert_int_equal(by_dns(Q(.rcpt = STR("x@elsewhere.example"), .certificate = STR("AB:01"),
				    .key = STR("EF:04"), .name_state = NAME_NONE),
			     "2.1.5"),
	    250);
	assert_int_equal(by_dns(Q(.rcpt = STR("x@elsewhere.example"), .certificate = STR("EF:03"),
				    .key = STR("CD:02")),
			     "2.1.5"),
	    250);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = { ROW(test_classes), ROW(test_rules_are_named),
		ROW(test_source_routes), ROW(test_postmaster), ROW(test_disabled),
		ROW(test_canonical), ROW(test_access), ROW(test_client_and_sender),
		ROW(test_rules_at_rcpt), ROW(test_actions), ROW(test_filter_route),
		ROW(test_failure), ROW(test_load), ROW(test_two_classes_later),
		ROW(test_delimiters), ROW(test_names_of_clients), ROW(test_unknown_clients),
		ROW(test_unconfirmed_clients), ROW(test_listed_clients),
		ROW(test_relay_by_certificate) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
