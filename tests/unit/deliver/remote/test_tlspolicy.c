/* Who decides how a host is to be spoken to; what TLSA records come to is in tests/scenario/test_dane.py. */
#include "../../../../deliver/remote/settings.h"
#include "../../../../deliver/remote/starttls.h"
#include "../../../../deliver/remote/tlspolicy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static unsigned done;

static void on_done(void *arg)
{
	(void)arg;
	done++;
}

struct row {
	const char *wish;
	enum hop_source from;
	uint8_t mx, host; /* enum dns_security */
	const char *canonical;
	uint8_t alias;
	/* what comes of it: at once, ... */
	int code;
	enum tls_source source;
	enum tls_level level;
	const char *reason;
	/* ... or there is a question for TLSA records of these */
	const char *bases[2];
};

#define SEC DNS_SECURE
#define INS DNS_INSECURE
#define IND DNS_INDETERMINATE
#define FOR DNS_FORGED

static const struct row rows[] = {
	{ "none", HOP_MX, SEC, SEC, "", 0, 0, TLS_BY_TABLE, TLS_LEVEL_NONE, "", { 0 } },
	{ "may", HOP_MX, SEC, SEC, "", 0, 0, TLS_BY_TABLE, TLS_LEVEL_MAY, "", { 0 } },
	{ "secure", HOP_MX, SEC, SEC, "", 0, 0, TLS_BY_TABLE, TLS_LEVEL_SECURE, "", { 0 } },
	{ "dane", HOP_LITERAL, IND, IND, "", 0, 0, TLS_BY_CHANCE, TLS_LEVEL_MAY,
	    "the address is not from DNS", { 0 } },
	{ "dane", HOP_STATIC, IND, IND, "", 0, 0, TLS_BY_CHANCE, TLS_LEVEL_MAY,
	    "the address is not from DNS", { 0 } },
	{ "dane implicit", HOP_STATIC, IND, IND, "", 0, 0, TLS_BY_CHANCE, TLS_LEVEL_ENCRYPT,
	    "the address is not from DNS", { 0 } },
	{ "dane-only", HOP_STATIC, IND, IND, "", 0, 451, TLS_BY_TABLE, 0,
	    "the address is not from DNS", { 0 } },
	{ "dane", HOP_MX, INS, SEC, "", 0, 0, TLS_BY_CHANCE, TLS_LEVEL_MAY,
	    "MX records are insecure", { 0 } },
	{ "dane", HOP_MX, IND, SEC, "", 0, 0, TLS_BY_CHANCE, TLS_LEVEL_MAY,
	    "MX records are indeterminate", { 0 } },
	{ "dane-only", HOP_MX, INS, SEC, "", 0, 451, TLS_BY_TABLE, 0, "MX records are insecure",
	    { 0 } },
	{ "dane", HOP_MX, SEC, INS, "", 0, 0, TLS_BY_CHANCE, TLS_LEVEL_MAY,
	    "addresses are insecure", { 0 } },
	{ "dane", HOP_MX, SEC, SEC, "", 0, 0, 0, 0, "", { "mx.a.test", NULL } },
	{ "dane-only", HOP_MX, SEC, SEC, "", 0, 0, 0, 0, "", { "mx.a.test", NULL } },
	{ "dane", HOP_HOST, IND, SEC, "", 0, 0, 0, 0, "", { "mx.a.test", NULL } },
	/* RFC 8689 4.2.1 */
	{ "may requiretls", HOP_MX, SEC, INS, "", 0, 0, TLS_BY_TABLE, TLS_LEVEL_VERIFY,
	    "REQUIRETLS", { 0 } },
	{ "may requiretls", HOP_MX, INS, SEC, "", 0, 550, TLS_BY_TABLE, 0, "REQUIRETLS", { 0 } },
	{ "may requiretls=offered", HOP_MX, INS, SEC, "", 0, 0, TLS_BY_TABLE, TLS_LEVEL_MAY, "",
	    { 0 } },
	{ "none requiretls", HOP_HOST, INS, SEC, "", 0, 550, TLS_BY_TABLE, 0, "REQUIRETLS", { 0 } },
	{ "verify requiretls", HOP_MX, INS, SEC, "", 0, 550, TLS_BY_TABLE, 0, "REQUIRETLS", { 0 } },
	{ "verify requiretls", HOP_STATIC, IND, IND, "", 0, 0, TLS_BY_TABLE, TLS_LEVEL_VERIFY,
	    "REQUIRETLS", { 0 } },
	{ "secure requiretls", HOP_MX, INS, INS, "", 0, 0, TLS_BY_TABLE, TLS_LEVEL_SECURE,
	    "REQUIRETLS", { 0 } },
	{ "dane requiretls", HOP_MX, SEC, INS, "", 0, 0, TLS_BY_CHANCE, TLS_LEVEL_VERIFY,
	    "addresses are insecure; REQUIRETLS", { 0 } },
	{ "dane requiretls", HOP_MX, INS, SEC, "", 0, 550, TLS_BY_CHANCE, 0,
	    "MX records are insecure; REQUIRETLS", { 0 } },
	/* RFC 7672 2.2.2: aliases */
	{ "dane", HOP_MX, SEC, SEC, "b.test", 0, 0, 0, 0, "", { "b.test", "mx.a.test" } },
	{ "dane", HOP_MX, SEC, INS, "b.test", SEC, 0, 0, 0, "", { "mx.a.test", NULL } },
	{ "dane", HOP_MX, SEC, INS, "b.test", INS, 0, TLS_BY_CHANCE, TLS_LEVEL_MAY,
	    "addresses are insecure", { 0 } },
	{ "dane", HOP_MX, SEC, INS, "b.test", FOR, 451, TLS_BY_DANE, 0,
	    "lookup of its alias failed", { 0 } },
};

static struct tls_wish wish;
static struct nexthop hop;
static struct mail_host host;
static struct site site;
static struct tlspolicy_find find;

static void begin(const struct row *r)
{
	assert_int_equal(tls_wish_parse(str_of(r->wish), &wish), 0);
	assert_int_equal(nexthop_parse(STR("a.test"), 25, &hop), 0);
	host = (struct mail_host){ .name = STR("mx.a.test"),
		.security = r->host,
		.canonical = str_of(r->canonical),
		.alias = r->alias };
	site = (struct site){ .source = r->from,
		.port = 25,
		.usable = 1,
		.mail = { .security = r->mx, .hosts = &host, .nhosts = 1 } };
	done = 0;
	tlspolicy_find(&find,
	    &(struct tlspolicy_question){ .wish = &wish, .hop = &hop, .site = &site }, on_done,
	    NULL);
}

static void test_ladder(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		const struct tlspolicy *p = &find.policy;
		bool asks = r->bases[0] != NULL;

		begin(r);
		if (done != !asks || find.known == asks || strcmp(p->reason, r->reason) != 0 ||
		    p->status.code != r->code)
			fail_msg("row %zu: %d %s", i, p->status.code, p->reason);
		if (!asks)
			assert_int_equal(p->source, r->source);
		if (!asks && r->code == 0)
			assert_int_equal(p->wish.level, r->level);
		for (unsigned k = 0; asks && k < 2; k++)
			assert_true(r->bases[k] == NULL
					? find.nbases == k
					: str_eq(find.bases[k], str_of(r->bases[k])));
		tlspolicy_clear(&find);
	}
}

/* Whoever reads of a level that the table does not have is told where it comes from. */
static void test_by(void **state)
{
	static const struct {
		const char *wish, *by;
	} levels[] = {
		{ "verify", "" },
		{ "dane", "" },
		{ "may auth", ", for the login" },
		{ "encrypt auth", "" },
		{ "may requiretls", ", for REQUIRETLS" },
		{ "may auth requiretls", ", for REQUIRETLS" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct row r = { levels[i].wish, HOP_MX, SEC, INS, "", 0, 0, 0, 0, "", { 0 } };

		begin(&r);
		assert_string_equal(find.policy.by, levels[i].by);
		tlspolicy_clear(&find);
	}
}

/* Without an answer, no host of the kind gets anything: not even in the clear. */
static void test_no_resolver(void **state)
{
	const struct row r = { "dane", HOP_MX, SEC, SEC, "", 0, 0, 0, 0, "", { 0 } };

	(void)state;
	begin(&r);
	assert_int_equal(done, 0);
	while (done == 0)
		loop_poll();
	assert_int_equal(find.policy.status.code, 451);
	assert_string_equal(find.policy.status.enhanced, "4.7.5");
	assert_int_equal(find.policy.source, TLS_BY_DANE);
	tlspolicy_clear(&find);
	assert_int_equal(done, 1);
}

/*
 * Records of which none is usable: the policy of the domain is asked for (and nobody answers), since
 * it may say whose certificate it is to be; without one there is TLS all the same.
 */
static void test_unusable_records(void **state)
{
	const struct row r = { "dane", HOP_MX, SEC, SEC, "", 0, 0, 0, 0, "", { 0 } };
	struct conf *c = conf_new();

	(void)state;
	for (unsigned sts = 0; sts < 2; sts++) {
		conf_set(c, NULL, "mta_sts", sts == 0 ? STR("no") : STR("yes"), "test", 1);
		settings_read(c);
		begin(&r);
		ask_cancel(&find.ask);
		dane_take(&find, &(struct dns_answer){ .nrecords = 0 });
		while (done == 0)
			loop_poll();
		assert_int_equal(find.policy.source, sts == 0 ? TLS_BY_DANE : TLS_BY_STS);
		assert_string_equal(find.policy.by, sts == 0 ? ", by TLSA records" : ", by MTA-STS");
		assert_int_equal(find.policy.status.code, sts == 0 ? 0 : 451);
		if (sts == 0)
			assert_int_equal(find.policy.wish.level, TLS_LEVEL_ENCRYPT);
		tlspolicy_clear(&find);
	}
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_by),
		cmocka_unit_test(test_no_resolver),
		cmocka_unit_test(test_unusable_records),
	};

	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
