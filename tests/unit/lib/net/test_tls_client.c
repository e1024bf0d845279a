/* The client's side of TLS, against a server of our own at the other end of a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn.h"
#include "tls_rig.h"

struct side {
	struct conn c;
	unsigned secured, ends;
	enum conn_end why;
	char reason[160];
	struct buf got;
};

static struct side server, client;
static struct tls_context *context;
static struct tls_client *trusting;
static char *anchors; /* in PEM */

static void on_input(struct conn *c)
{
	struct side *s = c->owner;

	buf_str(&s->got, buf_view(&c->in));
	buf_drop(&c->in, c->in.n);
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct side *s = c->owner;

	s->ends++;
	s->why = why;
	snprintf(s->reason, sizeof s->reason, "%s", conn_tls_why(c));
	conn_close(c);
}

static void on_secured(struct conn *c)
{
	((struct side *)c->owner)->secured++;
}

static const struct conn_events events = {
	.input = on_input, .end = on_end, .secured = on_secured
};

static void side_open(struct side *s, int *fd)
{
	memset(s, 0, sizeof *s);
	buf_init(&s->got, 65536);
	conn_init(&s->c, fd, 65536, 65536, &events, s);
}

static void connect_both(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	side_open(&server, &fds[0]);
	side_open(&client, &fds[1]);
}

static void close_both(void)
{
	conn_close(&server.c);
	conn_close(&client.c);
	buf_clear(&server.got);
	buf_clear(&client.got);
}

static void turn(int n)
{
	for (; n > 0; n--)
		loop_poll();
}

static X509 *parse(unsigned i)
{
	const unsigned char *p = tls_rig.der[i];

	return d2i_X509(NULL, &p, RIG_DER);
}

static struct str sign(X509 *x, unsigned i)
{
	uint8_t *p = tls_rig.der[i];

	X509_sign(x, tls_rig.keys[1], EVP_sha256());
	return str_bytes(tls_rig.der[i], (size_t)i2d_X509(x, &p));
}

/* Makes the first certificate one that an authority of its own has issued: the second. */
static void add_authority(struct tls_certificate *c)
{
	X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");
	X509 *leaf = parse(0), *authority;

	rig_certificate(EVP_EC_gen("P-256"), "DNS:authority");
	authority = parse(1);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(authority), "O", MBSTRING_ASC,
	    (const void *)"authority", -1, -1, 0);
	X509_set_issuer_name(authority, X509_get_subject_name(authority));
	X509_set_issuer_name(leaf, X509_get_subject_name(authority));
	X509_add_ext(authority, ca, -1);
	c->chain[0] = sign(leaf, 0);
	c->chain[1] = sign(authority, 1);
	c->n = 2;
	X509_EXTENSION_free(ca);
	X509_free(leaf);
	X509_free(authority);
}

static bool issued; /* the next server's certificate is to have an authority */

/* A server with that certificate, which is a trust anchor as well. */
static void start(EVP_PKEY *key, const char *names, bool trust)
{
	static const struct tls_policy policy = { .alpn = "smtp", .tickets = true };
	static const struct tls_ticket_key ticket = { .name = "n", .cipher = "c", .mac = "m" };
	struct tls_certificate c = rig_certificate(key, names);
	const unsigned char *p = (const unsigned char *)c.chain[0].p;
	X509 *x = d2i_X509(NULL, &p, (long)c.chain[0].n);
	size_t bad, size;
	FILE *f = open_memstream(&anchors, &size);

	assert_non_null(f);
	if (issued)
		add_authority(&c);
	if (trust)
		PEM_write_X509(f, x);
	fclose(f);
	X509_free(x);
	context = tls_context_new(&policy, &c, 1, &bad);
	assert_non_null(context);
	tls_set_tickets(&ticket, 1);
	trusting = tls_client_new(str_bytes(anchors, size));
	assert_int_equal(tls_client_trust(trusting), trust);
}

static void handshake_with(const struct tls_server *to)
{
	connect_both();
	assert_int_equal(conn_tls_accept(&server.c, context, false), 0);
	assert_int_equal(conn_tls_connect(&client.c, trusting, to), 0);
	turn(20);
	assert_int_equal(client.secured, 1);
	assert_int_equal(server.secured, 1);
}

static void handshake(const char *host, const char *names)
{
	handshake_with(&(struct tls_server){ host, names, "mx[192.0.2.1]:25", NULL, 0 });
}

/* In order, so that the server's tickets have come. */
static void finish(void)
{
	turn(5);
	conn_finish(&client.c);
	turn(5);
	close_both();
}

static int set_up(void **state)
{
	(void)state;
	memset(&tls_rig, 0, sizeof tls_rig);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close_both();
	tls_client_free(trusting);
	tls_context_free(context);
	trusting = NULL;
	free(anchors);
	anchors = NULL;
	context = NULL;
	for (unsigned i = 0; i < tls_rig.n; i++)
		EVP_PKEY_free(tls_rig.keys[i]);
	timer_clear(&tls_rig.soon);
	tls_set_tickets(NULL, 0);
	return 0;
}

static void test_facts(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t *der = NULL, digest[32];
	const struct tls_facts *f;
	int n = i2d_PUBKEY(key, &der);

	(void)state;
	EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	start(key, "DNS:mx.example.org", true);
	handshake("mx.example.org", "mx.example.org");
	f = conn_tls(&client.c);
	assert_true(f->trusted && f->named && f->distrust == NULL && !f->resumed);
	assert_string_equal(f->version, "TLSv1.3");
	assert_memory_equal(f->fingerprint, digest, sizeof digest);
	assert_string_equal(conn_tls(&server.c)->name, "mx.example.org");
	conn_write(&client.c, STR("hello"));
	turn(5);
	assert_true(str_eq(buf_view(&server.got), STR("hello")));
}

/* RFC 9525 6: exact, or a wildcard for the first label; no part of a label, no common name. */
static void test_names(void **state)
{
	static const struct {
		const char *wanted;
		bool named;
	} rows[] = { { "mx.example.org", true }, { "MX.EXAMPLE.org", true },
		{ "example.org", false }, { "a.mx.example.org", false }, { ".example.org", true },
		{ ".org", true }, { "x.example.net", true }, { "x.y.example.net", false },
		{ "example.net", false }, { "192.0.2.1", true }, { "192.0.2.2", false },
		{ "2001:db8::1", true }, { "", false }, { "test", false },
		{ "fo.example.com", false }, { "no.test mx.example.org", true } };

	(void)state;
	start(EVP_EC_gen("P-256"),
	    "DNS:mx.example.org,DNS:*.example.net,DNS:f*.example.com,IP:192.0.2.1,IP:2001:db8::1",
	    true);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		handshake("any.test", rows[i].wanted);
		if (conn_tls(&client.c)->named != rows[i].named)
			fail_msg("%s", rows[i].wanted);
		assert_true(conn_tls(&client.c)->trusted);
		if (!rows[i].named)
			assert_string_equal(
			    conn_tls(&client.c)->distrust, "the certificate is for other names");
		close_both();
	}
}

static void test_no_anchor(void **state)
{
	const struct tls_facts *f;

	(void)state;
	start(EVP_EC_gen("P-256"), "DNS:a", false);
	handshake("192.0.2.1", "a");
	f = conn_tls(&client.c);
	assert_true(!f->trusted && f->named);
	assert_string_equal(f->distrust, "self-signed certificate");
	assert_null(conn_tls(&server.c)->name); /* an address is no server name */
}

/* --- TLSA records ----------------------------------------------------------------------------- */

enum { FULL_MAX = 4096 };
static uint8_t full[2][FULL_MAX], digests[2][3][64]; /* by selector; by matching type */

/* What records of the server's certificate would say, or of its authority's. */
static struct tls_association record(uint8_t usage, uint8_t selector, uint8_t matching)
{
	X509 *x = parse(usage == TLSA_TA && issued);
	uint8_t *to = full[selector];
	size_t n =
	    (size_t)(selector == TLSA_CERTIFICATE ? i2d_X509(x, &to)
						  : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &to));
	struct tls_association a = { usage, selector, matching, str_bytes(full[selector], n) };
	unsigned size;

	X509_free(x);
	if (matching == TLSA_FULL)
		return a;
	EVP_Digest(full[selector], n, digests[selector][matching], &size,
	    matching == TLSA_SHA256 ? EVP_sha256() : EVP_sha512(), NULL);
	a.data = str_bytes(digests[selector][matching], size);
	return a;
}

static struct tls_server dane_server(const struct tls_association *a, size_t n)
{
	return (struct tls_server){ "base.test", "next.test", "mx[192.0.2.1]:25", a, n };
}

/* RFC 7672 3.1: what matches is trusted, without any anchor; only usage 2 looks at names. */
static void test_records(void **state)
{
	static const char *const names[] = { "DNS:base.test", "DNS:next.test", "DNS:other.test" };

	(void)state;
	for (size_t name = 0; name < 3; name++)
		for (uint8_t i = 0; i < 12; i++) {
			struct tls_association a;
			const struct tls_facts *f;
			struct tls_server to;
			bool good;

			set_up(NULL);
			issued = true;
			start(EVP_EC_gen("P-256"), names[name], false);
			a = record(i < 6 ? TLSA_TA : TLSA_EE, i % 6 / 3, i % 3);
			assert_true(tls_association_usable(trusting, &a));
			to = dane_server(&a, 1);
			handshake_with(&to);
			f = conn_tls(&client.c);
			good = a.usage == TLSA_EE || name < 2;
			if ((f->distrust == NULL) != good || !f->dane)
				fail_msg("%u %u %u, %s: %s", a.usage, a.selector, a.matching,
				    names[name], f->distrust);
			assert_string_equal(conn_tls(&server.c)->name, "base.test");
			tear_down(NULL);
		}
	set_up(NULL);
	issued = false;
}

static void test_wrong_records(void **state)
{
	struct tls_association a[2];
	struct tls_server to = dane_server(a, 1);
	uint8_t wrong[32];

	(void)state;
	start(EVP_EC_gen("P-256"), "DNS:base.test", true);
	a[0] = record(TLSA_EE, TLSA_KEY, TLSA_SHA256);
	memcpy(wrong, a[0].data.p, 32);
	wrong[31] ^= 1;
	a[0].data = str_bytes(wrong, 32);
	handshake_with(&to);
	/* trusted by an anchor, and named as it should be: that does not count */
	assert_string_equal(conn_tls(&client.c)->distrust, "no matching DANE TLSA records");
	assert_false(conn_tls(&client.c)->trusted);
	finish();
	/* a second one that is right: a key that is being changed */
	a[1] = record(TLSA_EE, TLSA_CERTIFICATE, TLSA_SHA512);
	to.ndane = 2;
	handshake_with(&to);
	assert_null(conn_tls(&client.c)->distrust);
	close_both();
	/* nothing that can be used is not the same as nothing */
	a[0] = record(0, TLSA_KEY, TLSA_SHA256);
	to.ndane = 1;
	handshake_with(&to);
	assert_false(conn_tls(&client.c)->trusted);
}

static void test_usable(void **state)
{
	struct tls_association a;

	(void)state;
	start(EVP_EC_gen("P-256"), "DNS:base.test", true);
	for (uint8_t usage = 0; usage < 5; usage++)
		for (uint8_t matching = 0; matching < 3; matching++) {
			a = record(usage == 4 ? 255 : usage, TLSA_KEY, matching);
			assert_int_equal(tls_association_usable(trusting, &a),
			    usage == TLSA_TA || usage == TLSA_EE);
			a.data.n--; /* a shorter hash, a broken key */
			assert_false(tls_association_usable(trusting, &a));
			a.data.n = 0;
			assert_false(tls_association_usable(trusting, &a));
		}
	a = record(TLSA_EE, TLSA_KEY, TLSA_SHA256);
	a.selector = 2;
	assert_false(tls_association_usable(trusting, &a));
	a.selector = TLSA_KEY;
	a.matching = 3;
	assert_false(tls_association_usable(trusting, &a));
}

/* --- sessions --------------------------------------------------------------------------------- */

/* Whether all were kept; each is in a place that is drawn, and two may have the same. */
static bool sessions_stay(void)
{
	struct tls_association a[2];
	const struct tls_server rows[] = { { "a", "b", "s", NULL, 0 }, { "b", "a", "s", NULL, 0 },
		{ "a", "a", "t", NULL, 0 }, { "a", "a", "s", a, 1 }, { "a", "a", "s", a, 2 } };
	struct tls_server first = { "a", "a", "s", NULL, 0 };
	bool stay;

	start(EVP_EC_gen("P-256"), "DNS:a", true);
	a[0] = record(TLSA_EE, TLSA_KEY, TLSA_SHA256);
	a[1] = record(TLSA_EE, TLSA_KEY, TLSA_SHA512);
	handshake_with(&first);
	finish();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		handshake_with(&rows[i]);
		assert_false(conn_tls(&client.c)->resumed);
		finish();
	}
	handshake_with(&first);
	stay = conn_tls(&client.c)->resumed;
	assert_null(conn_tls(&client.c)->distrust);
	finish();
	handshake_with(&rows[3]);
	assert_true(conn_tls(&client.c)->dane);
	stay = stay && conn_tls(&client.c)->resumed;
	assert_null(conn_tls(&client.c)->distrust);
	finish();
	return stay;
}

/* Only where everything is the same; what is thought of the certificate stays. */
static void test_sessions(void **state)
{
	for (unsigned n = 0; !sessions_stay(); n++) {
		assert_true(n < 5);
		tear_down(state);
		set_up(state);
	}
}

/* A verdict that was bad is bad when the session is resumed. */
static void test_bad_sessions(void **state)
{
	struct tls_association a;
	struct tls_server to = dane_server(&a, 1);
	uint8_t wrong[32] = { 0 };

	(void)state;
	start(EVP_EC_gen("P-256"), "DNS:base.test", true);
	a = record(TLSA_EE, TLSA_KEY, TLSA_SHA256);
	a.data = str_bytes(wrong, 32);
	for (unsigned i = 0; i < 2; i++) {
		handshake_with(&to);
		assert_int_equal(conn_tls(&client.c)->resumed, i == 1);
		assert_false(conn_tls(&client.c)->trusted);
		finish();
	}
}

static void test_not_with_input(void **state)
{
	(void)state;
	start(EVP_EC_gen("P-256"), "DNS:a", true);
	handshake("a", "a");
	assert_int_equal(
	    conn_tls_connect(&client.c, trusting, &(struct tls_server){ "a", "a", "a", NULL, 0 }),
	    -1);
	assert_int_equal(errno, EALREADY);
	close_both();
	connect_both();
	buf_z(&client.c.in, "250 injected\r\n");
	assert_int_equal(
	    conn_tls_connect(&client.c, trusting, &(struct tls_server){ "a", "a", "a", NULL, 0 }),
	    -1);
	assert_int_equal(errno, EPROTO);
	assert_null(conn_tls(&client.c));
}

/* What was written before leaves in plain text, and the server's nonsense ends it. */
static void test_failure(void **state)
{
	(void)state;
	start(EVP_EC_gen("P-256"), "DNS:a", true);
	connect_both();
	conn_write(&client.c, STR("STARTTLS\r\n"));
	conn_tls_connect(&client.c, trusting, &(struct tls_server){ "a", "a", "a", NULL, 0 });
	turn(5);
	assert_true(str_starts(buf_view(&server.got), STR("STARTTLS\r\n\x16\x03")));
	conn_write(&server.c, STR("454 no\r\n"));
	turn(5);
	conn_close(&server.c);
	turn(5);
	assert_int_equal(client.ends, 1);
	assert_int_equal(client.why, CONN_TLS);
	assert_string_equal(client.reason, "wrong version number");
	assert_int_equal(client.secured, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_facts),
		TEST(test_names),
		TEST(test_no_anchor),
		TEST(test_records),
		TEST(test_wrong_records),
		TEST(test_usable),
		TEST(test_sessions),
		TEST(test_bad_sessions),
		TEST(test_not_with_input),
		TEST(test_failure),
	};

	loop_init();
	tls_open();
	tls_set_signer(&rig_signer);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
