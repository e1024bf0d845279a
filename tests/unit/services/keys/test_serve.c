/* services/keys as its peers see it; one of them has been taken over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../../../services/keys/serve.h"
#include "../../../../services/keys/store.h"
#include "base/log.h"
#include "proto/keys.h"
#include "proto/types.h"

enum { NOW = 1800000000 };

/* A peer's end, and ours of the channel to it. */
struct peer {
	struct chan near, far;
	unsigned certificates, completes, tickets;
	uint64_t key;
	size_t ticket_keys;
	bool far_down, near_down;
};

static struct peer *peer_of(struct chan *far)
{
	return (struct peer *)((char *)far - offsetof(struct peer, far));
}

static int on_certificate(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct keys_certificate k;

	assert_int_equal(get_keys_certificate(&g, &k), 0);
	peer_of(c)->certificates++;
	peer_of(c)->key = k.certificate.key;
	return 0;
}

static int on_tickets(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct tls_ticket_key keys[TLS_TICKET_KEYS];

	assert_int_equal(get_keys_tickets(&g, keys, &peer_of(c)->ticket_keys), 0);
	peer_of(c)->tickets++;
	return 0;
}

static int on_begin(struct chan *c, struct ipc_msg *m)
{
	(void)m;
	peer_of(c)->certificates = 0;
	return 0;
}

static int on_complete(struct chan *c, struct ipc_msg *m)
{
	(void)m;
	peer_of(c)->completes++;
	return 0;
}

static const struct chan_row far_rows[] = { { KEYS_BEGIN, 0, on_begin },
	{ KEYS_CERTIFICATE, 0, on_certificate }, { KEYS_TICKETS, 0, on_tickets },
	{ KEYS_COMPLETE, 0, on_complete }, { 0 } };

static void far_down(struct chan *c)
{
	peer_of(c)->far_down = true;
}

static void near_down(struct chan *c)
{
	((struct peer *)c)->near_down = true;
	serve_down(c);
}

static void connect_peer(struct peer *p, enum role role)
{
	int fds[2];

	memset(p, 0, sizeof *p);
	assert_int_equal(ipc_pair(fds), 0);
	chan_init(&p->near, &fds[0], serve_rows, near_down);
	p->near.role = (uint8_t)role;
	chan_init(&p->far, &fds[1], far_rows, far_down);
	serve_up(&p->near);
	for (int i = 0; i < 4; i++)
		loop_poll();
}

static void disconnect(struct peer *p)
{
	if (p->near.fd != -1) {
		chan_close(&p->near);
		serve_down(&p->near);
	}
	chan_close(&p->far);
}

/* --- asking ----------------------------------------------------------------------------------- */

static unsigned answered, signed_;

static void on_answer(struct ask *a, struct ipc_msg *m)
{
	struct get g;
	struct str signature;

	(void)a;
	answered++;
	if (m == NULL)
		return;
	g = get_start(m->body);
	signature = get_str(&g, TLS_SIGNATURE_MAX);
	assert_int_equal(get_end(&g), 0);
	signed_ += signature.n > 0;
}

static bool ask(struct peer *p, uint64_t key, uint16_t scheme, struct str text)
{
	struct put w = put_start();
	struct ask a = { .chan = NULL };
	unsigned before = signed_;

	answered = 0;
	put_keys_question(&w, &(struct keys_question){ key, scheme, text });
	chan_ask(&p->far, &a, KEYS_SIGN, &w, NULL, 0, 5000, on_answer, NULL);
	for (int i = 0; i < 10 && answered == 0; i++)
		loop_poll();
	assert_int_equal(answered, 1);
	return signed_ > before;
}

static char verify[200];
static struct str good_text;

static int with_files(void **state)
{
	struct conf *c = conf_new();
	struct conf_section *s = conf_add_section(c, "certificate", STR("main"), "f", 1);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	FILE *certificate, *private;
	int fds[2] = { memfd_create("c", 0), memfd_create("k", 0) };
	size_t n = (size_t)sprintf(verify, "%64sTLS 1.3, server CertificateVerify", "") + 1;

	(void)state;
	memset(verify + n, 'h', 32);
	good_text = str_bytes(verify, n + 32);
	conf_set(c, s, "certificate", STR("/c"), "f", 1);
	conf_set(c, s, "key", STR("/k"), "f", 1);
	s = conf_add_section(c, "listener", STR("mx"), "f", 1);
	conf_set(c, s, "service", STR("smtp"), "f", 1);
	s = conf_add_section(c, "listener", STR("in"), "f", 1);
	conf_set(c, s, "service", STR("imap"), "f", 1);
	conf_set(c, s, "certificates", STR("none"), "f", 1);
	conf_set(c, NULL, "remote_client_certificate", STR("main"), "f", 1);
	X509_set_version(x, 2);
	ASN1_TIME_set(X509_getm_notBefore(x), NOW - 60);
	ASN1_TIME_set(X509_getm_notAfter(x), NOW + 864000);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	certificate = fdopen(dup(fds[0]), "w");
	private = fdopen(dup(fds[1]), "w");
	PEM_write_X509(certificate, x);
	PEM_write_PrivateKey(private, key, NULL, NULL, 0, NULL, NULL);
	fclose(certificate);
	fclose(private);
	X509_free(x);
	EVP_PKEY_free(key);
	store_configure(c);
	store_file(STR("/c"), &fds[0], 0);
	store_file(STR("/k"), &fds[1], 0);
	assert_true(store_take(NOW, false));
	conf_free(c);
	serve_set_rate(1000);
	return 0;
}

static int set_up(void **state)
{
	with_files(state);
	serve_publish();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	store_clear();
	return 0;
}

/* Who shows the certificate as a client cannot have signed what a server signs, nor the other way round. */
static void test_client(void **state)
{
	char text[200];
	size_t n = (size_t)sprintf(text, "%64sTLS 1.3, client CertificateVerify", "") + 1;
	uint64_t key = store_slot(0)->pair->certificate.key;
	struct peer remote, smtpd, login;

	(void)state;
	memset(text + n, 'h', 32);
	connect_peer(&remote, ROLE_REMOTE);
	connect_peer(&smtpd, ROLE_SMTPD);
	connect_peer(&login, ROLE_LOGIN);
	assert_int_equal(remote.certificates, 1);
	assert_true(ask(&remote, key, TLS_ECDSA_SHA256, str_bytes(text, n + 32)));
	assert_false(ask(&remote, key, TLS_ECDSA_SHA256, good_text));
	assert_false(ask(&smtpd, key, TLS_ECDSA_SHA256, str_bytes(text, n + 32)));
	assert_true(ask(&smtpd, key, TLS_ECDSA_SHA256, good_text));
	assert_false(ask(&login, key, TLS_ECDSA_SHA256, str_bytes(text, n + 32)));
	disconnect(&remote);
	disconnect(&smtpd);
	disconnect(&login);
}

/* A process that has just begun does not refuse what it will be able to sign; a peer that goes
 * away meanwhile is not answered. */
static void test_questions_before_the_files(void **state)
{
	struct peer gone, smtpd;
	struct ask asks[3] = { 0 };
	struct peer *peers[] = { &gone, &smtpd, &smtpd };
	uint64_t key;

	with_files(state);
	key = store_slot(0)->pair->certificate.key;
	connect_peer(&gone, ROLE_SMTPD);
	connect_peer(&smtpd, ROLE_SMTPD);
	answered = signed_ = 0;
	for (int i = 0; i < 3; i++) {
		struct put w = put_start();

		put_keys_question(
		    &w, &(struct keys_question){ key + (i == 2), TLS_ECDSA_SHA256, good_text });
		chan_ask(&peers[i]->far, &asks[i], KEYS_SIGN, &w, NULL, 0, 5000, on_answer, NULL);
	}
	for (int i = 0; i < 10; i++)
		loop_poll();
	assert_int_equal(answered, 0);
	disconnect(&gone);
	serve_publish();
	for (int i = 0; i < 10; i++)
		loop_poll();
	assert_int_equal(answered, 2 + 1); /* gone's own end of it, too */
	assert_int_equal(signed_, 1);
	disconnect(&smtpd);
}

static void test_what_each_gets(void **state)
{
	struct peer smtpd, login;

	(void)state;
	connect_peer(&smtpd, ROLE_SMTPD);
	assert_int_equal(smtpd.completes, 1);
	assert_int_equal(smtpd.certificates, 1);
	assert_int_equal(smtpd.tickets, 0); /* none on port 25 */
	assert_true(ask(&smtpd, smtpd.key, TLS_ECDSA_SHA256, good_text));
	/* its listener names another certificate: it hears of none, and cannot use the key though
	 * it knows the id */
	connect_peer(&login, ROLE_LOGIN);
	assert_int_equal(login.completes, 1);
	assert_int_equal(login.certificates, 0);
	assert_int_equal(login.ticket_keys, 1);
	assert_false(ask(&login, smtpd.key, TLS_ECDSA_SHA256, good_text));
	disconnect(&smtpd);
	disconnect(&login);
}

static void test_a_taken_over_peer(void **state)
{
	static const struct str texts[] = { STR(""), STR("arbitrary"),
		STR("From: ceo@example.org\r\nTo: bank@example.org\r\n\r\nPay."),
		STR("0\x82\x01\x0a certificate to be signed"),
		STR("                                                                "
		    "TLS 1.3, client CertificateVerify\0hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh") };
	struct peer bad, good;

	(void)state;
	connect_peer(&bad, ROLE_SMTPD);
	connect_peer(&good, ROLE_SMTPD);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(ask(&bad, bad.key, TLS_ECDSA_SHA256, texts[i]));
	assert_false(ask(&bad, bad.key + 1, TLS_ECDSA_SHA256, good_text));
	assert_false(ask(&bad, bad.key, TLS_RSA_PSS_SHA256, good_text));
	assert_false(ask(&bad, bad.key, 0, good_text));
	/* it is refused, not punished: a fault of one handshake is none of the next */
	assert_true(ask(&bad, bad.key, TLS_ECDSA_SHA256, good_text));
	assert_true(ask(&good, good.key, TLS_ECDSA_SHA256, good_text));
	disconnect(&bad);
	disconnect(&good);
}

static void test_malformed_messages_cost_the_channel(void **state)
{
	static const struct {
		uint16_t type;
		struct str body;
	} rows[] = { { KEYS_SIGN, STR("short") }, { KEYS_SIGN, STR("") },
		{ KEYS_CERTIFICATE, STR("") }, { 9999, STR("") } };
	struct peer good;

	(void)state;
	connect_peer(&good, ROLE_SMTPD);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct peer bad;
		struct put w = put_start();

		connect_peer(&bad, ROLE_SMTPD);
		for (size_t k = 0; k < rows[i].body.n; k++)
			put_u8(&w, (uint8_t)rows[i].body.p[k]);
		chan_send(&bad.far, rows[i].type, &w, NULL, 0);
		for (int k = 0; k < 5; k++)
			loop_poll();
		assert_true(bad.near_down && bad.far_down);
		disconnect(&bad);
	}
	assert_true(ask(&good, good.key, TLS_ECDSA_SHA256, good_text));
	disconnect(&good);
}

static void test_a_flood_is_bounded_and_harms_nobody(void **state)
{
	struct peer flood, good;
	struct buf status;
	unsigned made = 0, tried = 0;

	(void)state;
	serve_set_rate(50);
	connect_peer(&flood, ROLE_SMTPD);
	connect_peer(&good, ROLE_SMTPD);
	for (uint64_t until = loop_now() + 200; loop_now() < until; tried++)
		made += ask(&flood, flood.key, TLS_ECDSA_SHA256, good_text);
	/* what it may have at once, and what comes within the time */
	assert_in_range(made, 50, 75);
	assert_true(tried > 2 * made);
	assert_true(ask(&good, good.key, TLS_ECDSA_SHA256, good_text));
	buf_init(&status, 1000);
	serve_status(&status);
	assert_true(str_search(buf_view(&status), STR("signatures ")) != -1);
	buf_clear(&status);
	disconnect(&flood);
	disconnect(&good);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_questions_before_the_files, tear_down),
		TEST(test_client),
		TEST(test_what_each_gets),
		TEST(test_a_taken_over_peer),
		TEST(test_malformed_messages_cost_the_channel),
		TEST(test_a_flood_is_bounded_and_harms_nobody),
	};

	loop_init();
	keyfile_open();
	log_threshold(LEVEL_ERROR + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
