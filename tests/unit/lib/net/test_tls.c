/* Connections under TLS, against a client of OpenSSL's on the other end of a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn.h"
#include "tls_rig.h"

static struct fixture {
	struct conn c;
	int peer;
	SSL_CTX *client_context;
	SSL *client;
	struct buf got; /* by the server */
	struct buf heard; /* by the client */
	unsigned secured, ends;
	enum conn_end why;
	char reason[160];
	bool echo, pause, handshake_failed;
} f;

static struct tls_context *context;
static void on_input(struct conn *c)
{
	if (f.got.n + c->in.n <= f.got.max)
		buf_str(&f.got, buf_view(&c->in));
	if (f.echo)
		conn_write(c, buf_view(&c->in));
	if (f.pause)
		conn_pause(c);
	buf_drop(&c->in, c->in.n);
}

static void on_end(struct conn *c, enum conn_end why)
{
	f.ends++;
	f.why = why;
	snprintf(f.reason, sizeof f.reason, "%s", conn_tls_why(c));
	conn_close(c);
}

static void on_secured(struct conn *c)
{
	(void)c;
	f.secured++;
}

static const struct conn_events events = {
	.input = on_input, .end = on_end, .secured = on_secured
};

static void start(const struct tls_policy *policy, struct tls_certificate *certificates, size_t n)
{
	size_t bad;

	context = tls_context_new(policy, certificates, n, &bad);
	assert_non_null(context);
}

static const struct tls_policy imap = { .alpn = "imap", .tickets = true };

static int set_up(void **state)
{
	int fds[2];

	(void)state;
	memset(&f, 0, sizeof f);
	memset(&tls_rig, 0, sizeof tls_rig);
	buf_init(&f.got, 1 << 22);
	buf_init(&f.heard, 1 << 22);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	f.peer = fds[1];
	fcntl(f.peer, F_SETFL, O_NONBLOCK);
	conn_init(&f.c, &fds[0], 64 * 1024, 1 << 21, &events, &f);
	f.client_context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(
	    f.client_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	return 0;
}

static void new_client(void)
{
	f.client = SSL_new(f.client_context);
	SSL_set_fd(f.client, f.peer);
	SSL_set_connect_state(f.client);
}

static int tear_down(void **state)
{
	(void)state;
	conn_close(&f.c);
	SSL_free(f.client);
	SSL_CTX_free(f.client_context);
	if (f.peer != -1)
		close(f.peer);
	tls_context_free(context);
	context = NULL;
	for (unsigned i = 0; i < tls_rig.n; i++)
		EVP_PKEY_free(tls_rig.keys[i]);
	timer_clear(&tls_rig.soon);
	buf_clear(&f.got);
	buf_clear(&f.heard);
	tls_set_tickets(NULL, 0);
	return 0;
}

static void turn(int n)
{
	char block[4096];
	int r;

	for (; n > 0; n--) {
		loop_poll();
		if (f.client == NULL)
			continue;
		if (!SSL_is_init_finished(f.client)) {
			r = SSL_do_handshake(f.client);
			if (r != 1 && SSL_get_error(f.client, r) == SSL_ERROR_SSL)
				f.handshake_failed = true;
			continue;
		}
		while ((r = SSL_read(f.client, block, sizeof block)) > 0)
			buf_put(&f.heard, block, (size_t)r);
	}
	ERR_clear_error();
}

static void handshake(void)
{
	new_client();
	assert_int_equal(conn_tls_accept(&f.c, context, false), 0);
	turn(20);
	assert_int_equal(f.secured, 1);
}

static EVP_PKEY *ec_key(void)
{
	return EVP_EC_gen("P-256");
}

static void test_every_kind_of_key_and_version(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const struct {
		int kind, nid;
	} expected[] = { { EVP_PKEY_EC, NID_X9_62_id_ecPublicKey },
		{ EVP_PKEY_EC, NID_X9_62_id_ecPublicKey }, { EVP_PKEY_RSA, NID_rsassaPss },
		{ EVP_PKEY_ED25519, NID_ED25519 } };

	for (size_t v = 0; v < 2; v++)
		for (size_t k = 0; k < 4; k++) {
			struct tls_certificate c;
			EVP_PKEY *key = k == 0   ? ec_key()
					: k == 1 ? EVP_EC_gen("P-384")
					: k == 2 ? EVP_RSA_gen(2048)
						 : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
			int nid = 0;

			if (v + k > 0)
				set_up(state);
			c = rig_certificate(key, "DNS:mx.example.org");
			start(&imap, &c, 1);
			SSL_CTX_set_min_proto_version(f.client_context, versions[v]);
			SSL_CTX_set_max_proto_version(f.client_context, versions[v]);
			handshake();
			assert_int_equal(tls_rig.asked, 1);
			assert_int_equal(EVP_PKEY_get_base_id(
					     X509_get0_pubkey(SSL_get0_peer_certificate(f.client))),
			    expected[k].kind);
			assert_int_equal(SSL_get_peer_signature_type_nid(f.client, &nid), 1);
			assert_int_equal(nid, expected[k].nid);
			assert_string_equal(
			    conn_tls(&f.c)->version, v == 0 ? "TLSv1.2" : "TLSv1.3");
			assert_string_equal(conn_tls(&f.c)->group, "X25519");
			f.echo = true;
			SSL_write(f.client, "hello", 5);
			turn(3);
			assert_true(str_eq(buf_view(&f.heard), STR("hello")));
			if (v + k < 4)
				tear_down(state);
		}
}

static void test_large_data_both_ways(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");
	static char block[300000];
	size_t sent = 0;

	(void)state;
	start(&imap, &c, 1);
	handshake();
	f.echo = true;
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i * 31 % 251);
	SSL_set_mode(f.client, SSL_MODE_ENABLE_PARTIAL_WRITE);
	for (int i = 0; i < 2000 && f.heard.n < sizeof block; i++) {
		int r = sent < sizeof block
			    ? SSL_write(f.client, block + sent, (int)(sizeof block - sent))
			    : 0;

		sent += r > 0 ? (size_t)r : 0;
		turn(1);
	}
	assert_int_equal(f.heard.n, sizeof block);
	assert_memory_equal(f.heard.p, block, sizeof block);
}

static void test_names_and_kinds(void **state)
{
	struct tls_certificate c[3] = { rig_certificate(EVP_RSA_gen(2048), "DNS:mx.example.org"),
		rig_certificate(ec_key(), "DNS:mx.example.org,DNS:www.example.org"),
		rig_certificate(ec_key(), "DNS:*.example.net,DNS:IMAP.example.org") };
	static const struct {
		const char *asked;
		unsigned ec, rsa; /* whose certificate; 9 = none */
	} rows[] = { { "mx.example.org", 1, 0 }, { "MX.Example.ORG", 1, 0 },
		{ "www.example.org", 1, 9 }, { "imap.example.org", 2, 9 },
		{ "x.example.net", 2, 9 }, { "a.b.example.net", 1, 0 }, { "example.net", 1, 0 },
		{ "unknown", 1, 0 }, { NULL, 1, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int rsa = 0; rsa < 2; rsa++) {
			unsigned want = rsa ? rows[i].rsa : rows[i].ec;
			int fds[2];
			uint8_t der[RIG_DER], *p = der;

			if (context == NULL)
				start(&imap, c, 3);
			SSL_CTX_set1_sigalgs_list(
			    f.client_context, rsa ? "RSA-PSS+SHA256" : "ECDSA+SHA256");
			new_client();
			if (rows[i].asked != NULL)
				SSL_set_tlsext_host_name(f.client, rows[i].asked);
			assert_int_equal(conn_tls_accept(&f.c, context, false), 0);
			f.secured = 0;
			turn(20);
			assert_int_equal(f.secured, want != 9);
			if (want != 9) {
				i2d_X509(SSL_get0_peer_certificate(f.client), &p);
				assert_memory_equal(der, c[want].chain[0].p, c[want].chain[0].n);
			}
			conn_close(&f.c);
			SSL_free(f.client);
			close(f.peer);
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
			f.peer = fds[1];
			fcntl(f.peer, F_SETFL, O_NONBLOCK);
			conn_init(&f.c, &fds[0], 4096, 1 << 20, &events, &f);
		}
	f.client = NULL;
}

static void test_plain_input_before_the_handshake(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	buf_put(&f.c.in, "RSET\r\n", 6);
	assert_int_equal(conn_tls_accept(&f.c, context, false), -1);
	assert_int_equal(errno, EPROTO);
	buf_drop(&f.c.in, 6);
	/* what is in the socket already is taken for a handshake, and is none */
	assert_int_equal(write(f.peer, "MAIL FROM:<a@b>\r\n", 17), 17);
	assert_int_equal(conn_tls_accept(&f.c, context, false), 0);
	turn(5);
	assert_int_equal(f.got.n, 0);
	close(f.peer);
	f.peer = -1;
	turn(3);
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.why, CONN_TLS);
	assert_string_not_equal(f.reason, "");
}

static void test_the_last_plain_line_leaves_first(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");
	char line[32];

	(void)state;
	start(&imap, &c, 1);
	conn_write(&f.c, STR("220 go\r\n"));
	assert_int_equal(conn_tls_accept(&f.c, context, false), 0);
	turn(2);
	assert_int_equal(read(f.peer, line, sizeof line), 8);
	conn_write(&f.c, STR("under TLS")); /* must not leave before it is protected */
	turn(2);
	assert_int_equal(read(f.peer, line, sizeof line), -1);
	new_client();
	turn(20);
	assert_int_equal(f.secured, 1);
	assert_true(str_eq(buf_view(&f.heard), STR("under TLS")));
}

static void test_handshake_read_ahead(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	new_client();
	SSL_do_handshake(f.client);
	loop_poll(); /* the hello is in our input now */
	assert_true(f.got.n > 0 && f.c.in.n == 0);
	buf_str(&f.c.in, buf_view(&f.got));
	assert_int_equal(conn_tls_accept(&f.c, context, true), 0);
	assert_int_equal(f.c.in.n, 0);
	turn(20);
	assert_int_equal(f.secured, 1);
}

static void test_no_signature(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	tls_rig.refuse = true;
	new_client();
	conn_tls_accept(&f.c, context, false);
	turn(20);
	assert_true(f.handshake_failed);
	assert_int_equal(f.secured, 0);
	close(f.peer);
	f.peer = -1;
	turn(3);
	assert_int_equal(f.ends, 1);
}

static void test_client_leaves_while_it_is_signed(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	tls_rig.hold = true;
	new_client();
	conn_tls_accept(&f.c, context, false);
	turn(10);
	assert_non_null(tls_rig.held);
	conn_close(&f.c);
	assert_int_equal(tls_rig.cancelled, 1);
	assert_null(tls_rig.held);
}

static void test_many_rest_at_once(void **state)
{
	/* more than there are jobs, and the first of those that wait for one */
	enum { MANY = 600, BAD = TLS_WAITING_MAX };
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");
	static struct conn conns[MANY];
	static SSL *clients[MANY];
	static int peers[MANY];
	static struct tls_sign *held[MANY];
	unsigned nheld = 0;

	(void)state;
	start(&imap, &c, 1);
	tls_rig.hold = true;
	for (int i = 0; i < MANY; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		peers[i] = fds[1];
		conn_init(&conns[i], &fds[0], 4096, 65536, &events, &f);
		clients[i] = SSL_new(f.client_context);
		SSL_set_fd(clients[i], peers[i]);
		SSL_set_connect_state(clients[i]);
		assert_int_equal(conn_tls_accept(&conns[i], context, false), 0);
		if (i == BAD)
			assert_int_equal(write(peers[i], "no ClientHello\r\n", 16), 16);
		else
			SSL_do_handshake(clients[i]);
		turn(2);
		if (tls_rig.held != NULL)
			held[nheld++] = tls_rig.held;
		tls_rig.held = NULL;
	}
	assert_int_equal(nheld, TLS_WAITING_MAX);
	/* a place that BAD makes no use of goes to the next */
	rig_answer(held[--nheld]);
	turn(2);
	assert_non_null(tls_rig.held);
	held[nheld++] = tls_rig.held;
	tls_rig.held = NULL;
	while (nheld > 0) {
		rig_answer(held[--nheld]);
		turn(2);
		if (tls_rig.held != NULL)
			held[nheld++] = tls_rig.held;
		tls_rig.held = NULL;
	}
	for (int i = 0; i < MANY; i++)
		if (i != BAD)
			SSL_do_handshake(clients[i]);
	turn(10);
	assert_int_equal(f.secured, MANY - 1);
	assert_int_equal(tls_rig.asked, MANY - 1);
	for (int i = 0; i < MANY; i++) {
		conn_close(&conns[i]);
		SSL_free(clients[i]);
		close(peers[i]);
	}
}

static void test_alpn(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");
	const unsigned char *chosen;
	unsigned n;

	start(&imap, &c, 1);
	SSL_CTX_set_alpn_protos(f.client_context, (const uint8_t *)"\2h2\4imap", 8);
	handshake();
	SSL_get0_alpn_selected(f.client, &chosen, &n);
	assert_true(str_eq(str_bytes(chosen, n), STR("imap")));
	tear_down(state);
	set_up(state);
	c = rig_certificate(ec_key(), "DNS:a");
	start(&imap, &c, 1);
	SSL_CTX_set_alpn_protos(f.client_context, (const uint8_t *)"\2h2", 3);
	new_client();
	conn_tls_accept(&f.c, context, false);
	turn(10);
	assert_true(f.handshake_failed && f.secured == 0);
}

static void test_old_versions(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	SSL_CTX_set_security_level(f.client_context, 0);
	SSL_CTX_set_min_proto_version(f.client_context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(f.client_context, TLS1_1_VERSION);
	new_client();
	conn_tls_accept(&f.c, context, false);
	turn(10);
	assert_true(f.handshake_failed && f.secured == 0);
	close(f.peer);
	f.peer = -1;
	turn(3);
	assert_string_equal(f.reason, "unsupported protocol");
}

static SSL_SESSION *kept;

static int keep_session(SSL *s, SSL_SESSION *session)
{
	(void)s;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

/* A second connection that offers the session of the first; whether it was taken up. */
static bool resumes(const struct tls_policy *first, const struct tls_policy *second, int version,
    const struct tls_ticket_key *k1, size_t n1, const struct tls_ticket_key *k2, size_t n2)
{
	void *state = NULL;
	bool r;

	for (int i = 0; i < 2; i++) {
		struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

		start(i == 0 ? first : second, &c, 1);
		tls_set_tickets(i == 0 ? k1 : k2, i == 0 ? n1 : n2);
		SSL_CTX_set_max_proto_version(f.client_context, version);
		SSL_CTX_sess_set_new_cb(f.client_context, keep_session);
		new_client();
		if (i == 1 && kept != NULL)
			SSL_set_session(f.client, kept);
		conn_tls_accept(&f.c, context, false);
		turn(20);
		assert_int_equal(f.secured, 1);
		r = conn_tls(&f.c)->resumed;
		assert_int_equal(r, SSL_session_reused(f.client));
		assert_int_equal(tls_rig.asked, !r);
		SSL_shutdown(f.client);
		if (i == 0) {
			tear_down(&state);
			set_up(&state);
		}
	}
	tear_down(&state);
	set_up(&state);
	SSL_SESSION_free(kept);
	kept = NULL;
	return r;
}

static void test_tickets(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct tls_ticket_key keys[4];
	struct tls_policy off = imap, other = imap;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		memset(&keys[i], (int)i + 1, sizeof keys[i]);
	off.tickets = false;
	other.alpn = "smtp";
	for (size_t i = 0; i < 2; i++) {
		int v = versions[i];

		assert_true(resumes(&imap, &imap, v, keys, 1, keys, 1));
		/* the key has been replaced, and still opens; or not any more */
		assert_true(resumes(&imap, &imap, v, &keys[1], 1, keys, 2));
		assert_false(resumes(&imap, &imap, v, &keys[3], 1, keys, 3));
		assert_false(resumes(&off, &off, v, keys, 1, keys, 1));
		assert_false(resumes(&imap, &off, v, keys, 1, keys, 1));
		assert_false(resumes(&imap, &other, v, keys, 1, keys, 1));
		assert_false(resumes(&imap, &imap, v, NULL, 0, NULL, 0));
	}
}

static void test_channel_binding(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");
	uint8_t here[32], there[32];

	(void)state;
	start(&imap, &c, 1);
	assert_int_equal(conn_tls_exporter(&f.c, here), -1);
	handshake();
	assert_int_equal(conn_tls_exporter(&f.c, here), 0);
	assert_int_equal(SSL_export_keying_material(
			     f.client, there, 32, "EXPORTER-Channel-Binding", 24, NULL, 0, 0),
	    1);
	assert_memory_equal(here, there, 32);
}

static void test_end_of_the_session(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	start(&imap, &c, 1);
	handshake();
	SSL_write(f.client, "last", 4);
	SSL_shutdown(f.client); /* no FIN: its alert alone has to be enough */
	turn(5);
	assert_true(str_eq(buf_view(&f.got), STR("last")));
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.why, CONN_EOF);
	tear_down(state);
	set_up(state);
	c = rig_certificate(ec_key(), "DNS:a");
	start(&imap, &c, 1);
	handshake();
	conn_write(&f.c, STR("bye"));
	conn_finish(&f.c);
	turn(5);
	assert_true(str_eq(buf_view(&f.heard), STR("bye")));
	assert_true((SSL_get_shutdown(f.client) & SSL_RECEIVED_SHUTDOWN) != 0);
	assert_int_equal(f.ends, 1);
}

/* OpenSSL takes a write that fails behind the peer's goodbye for the end of what can be read. */
static void test_answer_to_a_peer_that_has_gone(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	handshake();
	f.pause = true;
	assert_int_equal(SSL_write(f.client, "x\n", 2), 2);
	SSL_shutdown(f.client);
	close(f.peer);
	f.peer = -1;
	loop_poll();
	assert_string_equal(buf_cstr(&f.got), "x\n");
	assert_int_equal(f.ends, 0);
	alarm(20); /* or it tries for ever */
	conn_write(&f.c, STR("ok\r\n"));
	loop_poll();
	alarm(0);
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.why, CONN_ERROR);
}

static void test_garbage_under_tls(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	handshake();
	assert_int_equal(write(f.peer,
			     "\x17\x03\x03\x00\x20"
			     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			     37),
	    37);
	turn(3);
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.why, CONN_TLS);
	assert_string_not_equal(f.reason, "");
}

static void test_renegotiation(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	SSL_CTX_set_max_proto_version(f.client_context, TLS1_2_VERSION);
	handshake();
	assert_int_equal(SSL_renegotiate(f.client), 1);
	SSL_do_handshake(f.client);
	for (int i = 0; i < 5; i++)
		loop_poll();
	assert_int_equal(f.ends, 1);
	assert_int_equal(f.why, CONN_TLS);
	assert_string_equal(f.reason, "renegotiation was asked for");
	assert_int_equal(tls_rig.asked, 1);
}

static void test_context_outlived_by_its_connections(void **state)
{
	struct tls_certificate c = rig_certificate(ec_key(), "DNS:a");

	(void)state;
	start(&imap, &c, 1);
	new_client();
	SSL_set_tlsext_host_name(f.client, "a");
	conn_tls_accept(&f.c, context, false);
	tls_context_free(context);
	context = NULL;
	turn(20);
	assert_int_equal(f.secured, 1);
	assert_string_equal(conn_tls(&f.c)->name, "a");
}

static void test_bad_certificates(void **state)
{
	struct tls_certificate good = rig_certificate(ec_key(), "DNS:a"), c[2] = { good, good };
	size_t bad = 9;

	(void)state;
	assert_null(tls_context_new(&imap, c, 0, &bad));
	c[1].chain[0].n--;
	assert_null(tls_context_new(&imap, c, 2, &bad));
	assert_int_equal(bad, 1);
	c[1].n = 0;
	assert_null(tls_context_new(&imap, c, 2, &bad));
	c[0].chain[1] = STR("not a certificate");
	c[0].n = 2;
	assert_null(tls_context_new(&imap, c, 1, &bad));
	assert_int_equal(bad, 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_every_kind_of_key_and_version),
		TEST(test_large_data_both_ways),
		TEST(test_names_and_kinds),
		TEST(test_plain_input_before_the_handshake),
		TEST(test_the_last_plain_line_leaves_first),
		TEST(test_handshake_read_ahead),
		TEST(test_no_signature),
		TEST(test_client_leaves_while_it_is_signed),
		TEST(test_many_rest_at_once),
		TEST(test_alpn),
		TEST(test_old_versions),
		TEST(test_tickets),
		TEST(test_channel_binding),
		TEST(test_end_of_the_session),
		TEST(test_answer_to_a_peer_that_has_gone),
		TEST(test_garbage_under_tls),
		TEST(test_renegotiation),
		TEST(test_context_outlived_by_its_connections),
		TEST(test_bad_certificates),
	};

	loop_init();
	tls_open();
	tls_set_signer(&rig_signer);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
