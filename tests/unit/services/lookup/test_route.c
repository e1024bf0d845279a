/* Where mail goes: aliases, rewriting, transports, and what goes in circles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"

static void domains(void)
{
	set("hostname", "host.example");
	set("local_domains", "host.example");
	set("mailbox_domains", "mail.example");
	set("virtual_alias_domains", "alias.example");
	set("relay_domains", "relay.example");
	account("alice@mail.example", "mail.example/alice");
	account("bob@mail.example", "mail.example/bob");
	account("carol@host.example", "host.example/carol");
}

static void test_plain(void **state)
{
	struct routes routes;

	(void)state;
	domains();
	load();
	route("alice@mail.example", "alice@mail.example maildir mail.example/alice");
	route("Alice+x@mail.example", "Alice+x@mail.example maildir mail.example/alice");
	route("nobody@mail.example", "nobody@mail.example error 550 5.1.1");
	route("carol@host.example", "carol@host.example maildir host.example/carol");
	route("carol", "carol@host.example maildir host.example/carol");
	route("x@alias.example", "x@alias.example error 550 5.1.1");
	route("x@relay.example", "x@relay.example smtp relay.example");
	route("x@else.example", "x@else.example smtp else.example");
	route("x@[192.0.2.1]", "x@[192.0.2.1] smtp [192.0.2.1]");
	routes = ask_route("a@b.example", "alice@mail.example");
	assert_false(routes.expanded);
	assert_int_equal(routes.first->uid, 1900000000);
	set("relayhost", "[smart.example]:587");
	load();
	route("x@else.example", "x@else.example smtp [smart.example]:587");
	routes = ask_route("a@b.example", "x@else.example");
	assert_non_null(strstr(z(routes.first->rule), "relayhost (thurn.conf:"));
}

static void test_transport(void **state)
{
	(void)state;
	domains();
	file("t", "special@else.example  smtp:[s.example]:2525\n"
		  "else.example      lmtp:inet:[127.0.0.1]:24\n"
		  ".deep.example     relay:deep-host\n"
		  "gone.example      error:5.1.2 no such place\n"
		  "late.example      retry:4.4.4 come back\n"
		  "plain.example     error:moved away\n"
		  "hole.example      discard:\n"
		  "hold.example      hold:\n"
		  "keep.example      :\n"
		  "hop.example       :[hop.example]\n"
		  "alice@mail.example smtp:[other.example]\n"
		  "bad.example       nonsense:x\n"
		  "worse.example     text\n"
		  "forced.example    local:\n"
		  "*                 smtp:star.example\n");
	set("transport_maps", "texthash:t");
	set("relayhost", "[smart.example]");
	load();
	account("x@forced.example", "forced/x");
	route("special+x@else.example", "special+x@else.example smtp [s.example]:2525");
	route("x@else.example", "x@else.example lmtp [127.0.0.1]:24");
	route("x@a.b.deep.example", "x@a.b.deep.example smtp deep-host");
	route("x@gone.example", "x@gone.example error 550 5.1.2");
	route("x@late.example", "x@late.example error 450 4.4.4");
	route("x@plain.example", "x@plain.example error 550 5.0.0");
	route("x@hole.example", "x@hole.example discard hole.example");
	route("x@hold.example", "x@hold.example hold hold.example");
	route("x@keep.example", "x@keep.example smtp [smart.example]");
	route("x@hop.example", "x@hop.example smtp [hop.example]");
	route("alice@mail.example", "alice@mail.example smtp [other.example]");
	route("x@bad.example", "x@bad.example error 451 4.3.0");
	route("x@worse.example", "x@worse.example error 451 4.3.0");
	route("x@deep.example", "x@deep.example smtp star.example");
	route("x@any.example", "x@any.example smtp star.example");
}

static void tls(const char *rcpt, const char *text, const char *rule)
{
	struct routes routes = ask_route("a@b.example", rcpt);
	struct way y;

	assert_int_equal(routes.n, 1);
	if (text[0] == '\0') {
		assert_int_equal(routes.first->way.n, 0);
		return;
	}
	assert_int_equal(way_decode(routes.first->way, &y), 0);
	assert_string_equal(z(y.hop[0].tls), text);
	if (!str_starts(y.hop[0].tls_rule, str_of(rule)))
		fail_msg("%s: %s", rcpt, z(y.hop[0].tls_rule));
}

/* A rule that is a whole table says where that stands, however long it is. */
static void test_rule_in_setting(void **state)
{
	struct routes routes;
	char table[2000], where[40];
	size_t n = (size_t)snprintf(table, sizeof table, "inline:{else.example=smtp:[a.example]");

	(void)state;
	domains();
	while (n < sizeof table - 50)
		n += (size_t)snprintf(table + n, sizeof table - n, ", a%zu.example=smtp:[b]", n);
	snprintf(table + n, sizeof table - n, "}");
	set("transport_maps", table);
	snprintf(where, sizeof where, "... (thurn.conf:%u)", set_line);
	load();
	routes = ask_route("a@b.example", "x@else.example");
	assert_non_null(strstr(z(routes.first->rule), where));
	assert_true(routes.first->rule.n < 300);
}

static void test_tls(void **state)
{
	(void)state;
	domains();
	file("t", "hop.example      smtp:[MX.hop.example]:2525\n"
		  "implicit.example smtps:[MX.hop.example]:465\n"
		  "loud.example     smtps:[mx.loud.example]\n"
		  "lmtp.example     lmtp:[127.0.0.1]:24\n");
	file("p", "[mx.hop.example]:2525 verify match=a.example\n"
		  "[mx.hop.example]:465  verify\n"
		  "mx.hop.example        none\n"
		  "hop.example           none\n"
		  ".deep.example         secure\n"
		  "of.deep.example       none\n"
		  "bad.example           sometimes\n");
	set("transport_maps", "texthash:t");
	load();
	tls("x@else.example", "dane", "remote_tls (default)");
	set("remote_tls", "encrypt");
	set("remote_tls_policy", "texthash:p");
	load();
	tls("x@else.example", "encrypt", "remote_tls (thurn.conf:");
	tls("x@lmtp.example", "encrypt", "remote_tls (thurn.conf:");
	/* a next hop with brackets or a port as it is, whatever the domain */
	tls("x@hop.example", "verify match=a.example", "texthash:p:1");
	tls("x@implicit.example", "verify implicit", "texthash:p:2");
	set("remote_tls", "may");
	load();
	tls("x@loud.example", "encrypt implicit", "remote_tls (");
	/* parents of domains */
	tls("x@a.b.deep.example", "secure", "texthash:p:5");
	tls("x@deep.example", "may", "remote_tls (");
	tls("x@of.deep.example", "none", "texthash:p:6");
	route("x@bad.example", "x@bad.example error 451 4.3.0");
	/* what stays here has none */
	tls("alice@mail.example", "", "");
	/* and who wants logins */
	file("a", "[mx.hop.example]:2525 yes\n"
		  "[mx.hop.example]:465  yes\n"
		  ".deep.example         yes\n"
		  "of.deep.example       no\n"
		  "odd.example           perhaps\n");
	set("remote_auth", "texthash:a");
	load();
	tls("x@hop.example", "verify match=a.example auth", "texthash:p:1");
	tls("x@implicit.example", "verify implicit auth", "texthash:p:2");
	tls("x@a.b.deep.example", "secure auth", "texthash:p:5");
	tls("x@of.deep.example", "none", "texthash:p:6");
	tls("x@deep.example", "may", "remote_tls (");
	route("x@odd.example", "x@odd.example error 451 4.3.0");
}

/* The next hops of a way: "group/weight hop tls", one a line. */
static void way(const char *sender, const char *rcpt, const char *want, const char *rule)
{
	struct routes routes = ask_route(sender, rcpt);
	char text[1024] = "";
	struct way y;
	size_t n = 0;

	assert_int_equal(routes.n, 1);
	if (strstr(z(routes.first->rule), rule) == NULL)
		fail_msg("%s: rule %s", rcpt, z(routes.first->rule));
	if (way_decode(routes.first->way, &y) == -1) {
		assert_string_equal(want, "");
		return;
	}
	for (unsigned i = 0; i < y.n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u/%u %.*s %.*s",
		    i == 0 ? "" : "\n", y.hop[i].group, y.hop[i].weight, STR_ARG(y.hop[i].nexthop),
		    STR_ARG(y.hop[i].tls));
	assert_string_equal(text, want);
}

static void test_lists(void **state)
{
	(void)state;
	domains();
	file("t", "list.example   smtp:[a]:25 weight=3 | [b], [c]:26\n"
		  "blanks.example smtp:[a] [b]\n"
		  "lmtp.example   lmtp:inet:[a]:24, inet:[b]:24\n"
		  "relay.example  relay:mx.example\n"
		  "named.example  smtp:\n"
		  "bad.example    smtp:[a] weight=0\n"
		  "worse.example  smtp:| [a]\n"
		  "twice.example  smtp:[a] | | [b]\n"
		  "open.example   smtp:[a] |\n"
		  "heavy.example  smtp:weight=2 [a]\n");
	file("p", "[b] encrypt\n[c]:26 none\n");
	set("transport_maps", "texthash:t");
	set("remote_tls", "may");
	set("remote_tls_policy", "texthash:p");
	set("fallback_relay", "[last]:25 | [other]:25 weight=2");
	load();
	way("s@x.example", "x@list.example", "0/3 [a]:25 may\n0/1 [b] encrypt\n1/1 [c]:26 none",
	    "texthash:t:1");
	way("s@x.example", "x@blanks.example", "0/1 [a] may\n1/1 [b] encrypt", "t:2");
	way("s@x.example", "x@lmtp.example", "0/1 [a]:24 may\n1/1 [b]:24 may", "t:3");
	/* the last resort is for hosts that MX records name */
	way("s@x.example", "x@relay.example", "0/1 mx.example may", "t:4");
	way("s@x.example", "x@named.example",
	    "0/1 named.example may\n1/1 [last]:25 may\n1/2 [other]:25 may", "t:5");
	way("s@x.example", "x@else.example",
	    "0/1 else.example may\n1/1 [last]:25 may\n1/2 [other]:25 may", "");
	way("s@x.example", "x@[192.0.2.1]", "0/1 [192.0.2.1] may", "");
	route("x@bad.example", "x@bad.example error 451 4.3.0");
	route("x@worse.example", "x@worse.example error 451 4.3.0");
	route("x@twice.example", "x@twice.example error 451 4.3.0");
	route("x@open.example", "x@open.example error 451 4.3.0");
	route("x@heavy.example", "x@heavy.example error 451 4.3.0");
	set("relayhost", "[a], | [b]");
	load();
	set("relayhost", "| [b]");
	refused("relayhost: a bar has nothing before it");
	set("relayhost", "");
	set("fallback_relay", "[a] weight=1001");
	refused("fallback_relay: a weight is a number");
	set("fallback_relay", "");
	set("default_transport", "local");
	refused("default_transport: mail for other hosts has no mailbox here");
	set("default_transport", "pigeon:x");
	refused("default_transport: not transport:nexthop");
}

/* The next hop: transport_maps, transports by sender, default_transport, relays by sender, relayhost, domain.
 */
static void test_relays(void **state)
{
	(void)state;
	domains();
	file("t", "map.example smtp:[map]\nhost.map.example :[host]\n");
	file("st", "hop@x.example  lmtp:[sender-hop]:24\n"
		   "any@x.example  smtps:\n"
		   "no@x.example   error:5.7.1 you may not\n"
		   "dunno@x.example DUNNO\n"
		   "bad@x.example  local:\n"
		   "@all.example   :[all-hop]\n");
	file("sr", "any@x.example   [any-relay]\n"
		   "one@x.example   [one-relay]\n"
		   "dunno@y.example DUNNO\n"
		   "@y.example      [y-relay]\n"
		   "<>              [null-relay]\n");
	set("transport_maps", "texthash:t");
	set("remote_tls", "may");
	set("sender_dependent_default_transport_maps", "texthash:st");
	set("sender_dependent_relayhost_maps", "texthash:sr");
	set("relayhost", "[smart]");
	load();
	way("hop@x.example", "x@map.example", "0/1 [map] may", "texthash:t:1");
	way("hop@x.example", "x@host.map.example", "0/1 [host] may", "texthash:t:2");
	way("hop@x.example", "x@else.example", "0/1 [sender-hop]:24 may", "texthash:st:1");
	way("any@x.example", "x@else.example", "0/1 [any-relay] encrypt implicit", "texthash:sr:1");
	way("Any+tag@X.example", "x@else.example", "0/1 [any-relay] encrypt implicit", "sr:1");
	way("no@x.example", "x@else.example", "", "texthash:st:3");
	way("no@x.example", "x@relay.example", "0/1 [smart] may", "relayhost (thurn.conf:");
	way("dunno@x.example", "x@else.example", "0/1 [smart] may", "relayhost (");
	way("b@all.example", "x@else.example", "0/1 [all-hop] may", "texthash:st:6");
	way("one@x.example", "x@else.example", "0/1 [one-relay] may", "texthash:sr:2");
	way("one@x.example", "x@relay.example", "0/1 [one-relay] may", "texthash:sr:2");
	way("z@y.example", "x@else.example", "0/1 [y-relay] may", "texthash:sr:4");
	way("dunno@y.example", "x@else.example", "0/1 [smart] may", "relayhost (");
	way("", "x@else.example", "0/1 [null-relay] may", "texthash:sr:5");
	way("bad@x.example", "x@else.example", "", "texthash:st:5");
	set("default_transport", "lmtp:[def]:24");
	load();
	way("z@y.example", "x@else.example", "0/1 [def]:24 may", "default_transport (thurn.conf:");
	way("hop@x.example", "x@else.example", "0/1 [sender-hop]:24 may", "texthash:st:1");
}

static void test_virtual(void **state)
{
	(void)state;
	domains();
	file("v", "info@alias.example    alice@mail.example, remote@else.example\n"
		  "ext@alias.example     alice@mail.example\n"
		  "@alias.example        bob@mail.example\n"
		  "self@mail.example     self@mail.example, bob@mail.example\n"
		  "move@mail.example     @else.example\n"
		  "bare@mail.example     carol\n"
		  "carol                 bob@mail.example\n"
		  "a@mail.example        b@mail.example\n"
		  "b@mail.example        a@mail.example\n"
		  "cmd@mail.example      |/bin/sh\n"
		  "two@mail.example      alice@mail.example two2@mail.example\n"
		  "two2@mail.example     alice@mail.example\n");
	set("virtual_alias_maps", "texthash:v");
	load();
	account("self@mail.example", "mail.example/self");
	route("info@alias.example",
	    "alice@mail.example maildir mail.example/alice\nremote@else.example smtp else.example");
	route("ext+tag@alias.example", "alice+tag@mail.example maildir mail.example/alice");
	route("other@alias.example", "bob@mail.example maildir mail.example/bob");
	route("self@mail.example", "self@mail.example maildir mail.example/self\nbob@mail.example "
				   "maildir mail.example/bob");
	route("Move@mail.example", "Move@else.example smtp else.example");
	route("bare@mail.example", "bob@mail.example maildir mail.example/bob");
	route("a@mail.example", "a@mail.example error 554 5.4.6");
	route("cmd@mail.example", "cmd@mail.example error 451 4.3.5");
	route("two@mail.example", "alice@mail.example maildir mail.example/alice");
}

static void test_aliases(void **state)
{
	(void)state;
	domains();
	file("a",
	    "staff      alice@mail.example, \"Bob Smith\" <bob@mail.example>, carol (the boss)\n"
	    "root       \\carol\n"
	    "carol      carol, alice@mail.example\n"
	    "away       \\carol, \"|vacation carol\"\n"
	    "loop1      loop2\n"
	    "loop2      loop3, alice@mail.example\n"
	    "loop3      loop1\n"
	    "pipe       \"|/usr/bin/program -f x\"\n"
	    "save       /var/mail/save\n"
	    "list       alice@mail.example, bob@mail.example\n"
	    "owner-list carol\n"
	    "inc        :include:members\n"
	    "incself    :include:circle\n"
	    "evil       :include:/etc/passwd\n"
	    "absent     :include:nothing\n"
	    "joe~smith  alice@mail.example\n"
	    "bad        @@, alice@mail.example\n"
	    "nobody     (only a comment)\n"
	    "remote     carol@host.example, x@else.example\n");
	file("members", "# comment, with comma\nalice@mail.example\n\nbob@mail.example, carol\n"
			"|/bin/sh\n:include:more\n");
	file("more", "x@else.example\n");
	file("circle", "alice@mail.example\n:include:circle\n");
	set("alias_maps", "texthash:a");
	load();
	route("staff@host.example",
	    "alice@mail.example maildir mail.example/alice\nbob@mail.example maildir "
	    "mail.example/bob\n"
	    "carol@host.example maildir host.example/carol");
	route("root@host.example", "carol@host.example maildir host.example/carol");
	route("carol@host.example",
	    "carol@host.example maildir host.example/carol\nalice@mail.example maildir "
	    "mail.example/alice");
	route("loop1@host.example",
	    "loop1@host.example error 554 5.4.6\nalice@mail.example maildir mail.example/alice");
	route("away@host.example",
	    "away@host.example error 550 5.3.5\ncarol@host.example maildir host.example/carol");
	route("pipe@host.example", "pipe@host.example error 550 5.3.5");
	route("save@host.example", "save@host.example error 550 5.3.5");
	route("list@host.example",
	    "alice@mail.example maildir mail.example/alice [owner-list@host.example]\n"
	    "bob@mail.example maildir mail.example/bob [owner-list@host.example]");
	route("list+x@host.example",
	    "alice@mail.example maildir mail.example/alice [owner-list@host.example]\n"
	    "bob@mail.example maildir mail.example/bob [owner-list@host.example]");
	route("owner-list@host.example",
	    "carol@host.example maildir host.example/carol\nalice@mail.example maildir "
	    "mail.example/alice");
	route("inc@host.example",
	    "inc@host.example error 550 5.3.5\nalice@mail.example maildir mail.example/alice\n"
	    "bob@mail.example maildir mail.example/bob\ncarol@host.example maildir "
	    "host.example/carol\n"
	    "x@else.example smtp else.example");
	route("incself@host.example",
	    "incself@host.example error 554 5.4.6\nalice@mail.example maildir mail.example/alice");
	route("evil@host.example", "evil@host.example error 451 4.3.0");
	route("absent@host.example", "absent@host.example error 451 4.3.0");
	route("nobody@host.example", "nobody@host.example error 451 4.3.5");
	route("remote@host.example",
	    "x@else.example smtp else.example\ncarol@host.example maildir host.example/carol\n"
	    "alice@mail.example maildir mail.example/alice");
	/* a bounce to a list must not come back to its owner */
	struct routes routes = ask_route("", "list@host.example");
	assert_int_equal(routes.first->owner.n, 0);
	/* others may not write into an include file */
	char path[128];
	snprintf(path, sizeof path, "%s/more", tables);
	assert_int_equal(chmod(path, 0666), 0);
	route("inc@host.example", "inc@host.example error 451 4.3.0");
}

static void test_canonical(void **state)
{
	struct routes routes;

	(void)state;
	domains();
	set("canonical_maps", "inline:{alice.a@mail.example=alice@mail.example}");
	set("sender_canonical_maps", "inline:{from@example.com=public@example.com}");
	set("recipient_canonical_maps", "inline:{@old.example=@mail.example}");
	load();
	route("alice.a@mail.example",
	    "alice@mail.example maildir mail.example/alice [public@example.com]");
	route("bob@old.example", "bob@mail.example maildir mail.example/bob [public@example.com]");
	routes = ask_route("alice.a+x@mail.example", "bob@mail.example");
	assert_string_equal(z(routes.first->owner), "alice+x@mail.example");
	routes = ask_route("", "bob@mail.example");
	assert_int_equal(routes.first->owner.n, 0);
}

/* 76: a thousand aliases one behind the other; 77: a million names. */
static void test_bounds(void **state)
{
	char *text = malloc(64 << 20);
	struct routes routes;
	size_t n = 0;

	(void)state;
	domains();
	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(text + n, "deep%d  deep%d\n", i, i + 1);
	n += (size_t)sprintf(text + n, "deep1000 alice@mail.example\nhuge  :include:huge\n");
	file("a", text);
	n = 0;
	for (int i = 0; i < 999999; i++)
		n += (size_t)sprintf(text + n, "user%d@else.example\n", i);
	file("huge", text);
	free(text);
	set("alias_maps", "texthash:a");
	load();
	route("deep0@host.example", "deep51@host.example error 554 5.4.6");
	route("deep960@host.example", "alice@mail.example maildir mail.example/alice");
	route("huge@host.example", "huge@host.example error 451 4.3.5");
	set("alias_expansion_limit", "1000000");
	load();
	routes = ask_route("a@b.example", "huge@host.example");
	assert_int_equal(routes.n, 999999);
	assert_true(routes.expanded);
}

/* Accounts that are not known yet are asked for many at once, and the end is the same. */
static void test_waiting(void **state)
{
	struct route_question q = { .sender = STR("a@b.example"), .rcpt = STR("all@host.example") };
	char text[60000];
	struct routes out;
	struct run r;
	size_t n = 0;
	int rounds = 0;

	(void)state;
	domains();
	for (int i = 0; i < 2000; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "u%d@mail.example\n", i);
	file("all", text);
	set("alias_maps", "inline:{all=:include:all}");
	load();
	accounts_init(100000);
	for (;; rounds++) {
		r = new_run();
		route_answer(&r, &q, &out);
		if (!run_waits(&r))
			break;
		assert_true(r.nwanted <= WANTED_MAX);
		for (unsigned i = 0; i < r.nwanted; i++)
			account(z(r.wanted[i]), "mail.example/u");
	}
	assert_int_equal(rounds, 2);
	assert_int_equal(out.n, 2000);
	assert_int_equal(out.first->transport, TRANSPORT_MAILDIR);
}

static void test_cache(void **state)
{
	struct account a;
	char name[64];

	(void)state;
	accounts_init(80);
	account("keep@x.example", "x/keep");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "none%d@x.example", i);
		accounts_learn(str_of(name), NULL);
	}
	assert_int_equal(accounts_get(STR("keep@x.example"), &a), ACCOUNT_FOUND);
	assert_true(str_eq(a.home, STR("x/keep")));
	assert_int_equal(accounts_counts().absent, 10);
	assert_int_equal(accounts_get(STR("none999@x.example"), &a), ACCOUNT_NONE);
	assert_int_equal(accounts_get(STR("none1@x.example"), &a), ACCOUNT_UNKNOWN);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "real%d@x.example", i);
		account(name, "x/y");
	}
	assert_int_equal(accounts_counts().entries, 90);
	assert_int_equal(accounts_get(STR("keep@x.example"), &a), ACCOUNT_UNKNOWN);
	accounts_forget(STR("real999@x.example"));
	assert_int_equal(accounts_get(STR("real999@x.example"), &a), ACCOUNT_UNKNOWN);
	accounts_clear();
	assert_int_equal(accounts_counts().entries, 0);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = { ROW(test_plain), ROW(test_transport),
		ROW(test_rule_in_setting), ROW(test_tls), ROW(test_lists), ROW(test_relays),
		ROW(test_virtual), ROW(test_aliases), ROW(test_canonical), ROW(test_bounds),
		ROW(test_waiting), ROW(test_cache) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
