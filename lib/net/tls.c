/*
 * One connection under TLS; conn.c drives it. See tls_internal.h.
 *
 * A handshake runs as a job of OpenSSL (ASYNC_start_job(3)): when it comes to the signature, the
 * job pauses with the request on its own stack, and goes on when the answer is there. A connection
 * that ends meanwhile lets its job run out first, with no signature and nowhere to write to.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/async.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "tls_internal.h"

enum { WHY_MAX = 160 };

struct tls {
	SSL *ssl;
	struct tls_context *context; /* of a server */
	struct tls_client *client; /* of a client */
	char *names; /* wanted of the server */
	uint8_t session[TLS_SESSION_KEY]; /* what its session is kept under */
	bool dane;
	int fd;
	void (*wake)(void *);
	void *wake_arg;
	struct tls_sign *signing; /* on the stack of the paused job */
	TAILQ_ENTRY(tls) next; /* those that wait for a job */
	bool begins, starved, secure, broken, dead, wants_write;
	struct tls_facts facts;
	char *why;
	struct buf ahead; /* of the handshake; was read before it began */
};

static const struct tls_signer *signer;
static struct tls *current; /* whose handshake runs */
static TAILQ_HEAD(, tls) starving = TAILQ_HEAD_INITIALIZER(starving);

/* --- signatures ------------------------------------------------------------------------------- */

void tls_set_signer(const struct tls_signer *s)
{
	signer = s;
}

struct str tls_sign_now(struct tls_sign *s)
{
	struct tls *t = current;

	if (t == NULL || t->dead || signer == NULL || ASYNC_get_current_job() == NULL)
		return STR_NONE;
	s->of = t;
	t->signing = s;
	signer->sign(s);
	while (!s->done) {
		ASYNC_pause_job();
		current = t;
	}
	t->signing = NULL;
	return str_bytes(s->signature, s->n);
}

void tls_signed(struct tls_sign *s, struct str signature)
{
	assert(!s->done);
	s->done = true;
	s->n = signature.n <= sizeof s->signature ? signature.n : 0;
	memcpy(s->signature, signature.p, s->n);
	s->of->wake(s->of->wake_arg);
}

static void feed_starving(void)
{
	struct tls *t = TAILQ_FIRST(&starving);

	if (t == NULL)
		return;
	TAILQ_REMOVE(&starving, t, next);
	t->starved = false;
	t->wake(t->wake_arg);
}

/* --- below OpenSSL ---------------------------------------------------------------------------- */

static int bio_read(BIO *b, char *to, int n)
{
	struct tls *t = BIO_get_data(b);
	ssize_t r;

	BIO_clear_retry_flags(b);
	if (t->dead)
		return -1;
	if (t->ahead.n > 0) {
		r = t->ahead.n < (size_t)n ? (ssize_t)t->ahead.n : n;
		memcpy(to, t->ahead.p, (size_t)r);
		buf_drop(&t->ahead, (size_t)r);
		return (int)r;
	}
	do
		r = recv(t->fd, to, (size_t)n, 0);
	while (r == -1 && errno == EINTR);
	if (r == -1 && errno == EAGAIN)
		BIO_set_retry_read(b);
	return (int)r;
}

static int bio_write(BIO *b, const char *from, int n)
{
	struct tls *t = BIO_get_data(b);
	ssize_t r;

	BIO_clear_retry_flags(b);
	if (t->dead)
		return -1;
	do
		r = send(t->fd, from, (size_t)n, MSG_NOSIGNAL);
	while (r == -1 && errno == EINTR);
	if (r == -1 && errno == EAGAIN)
		BIO_set_retry_write(b);
	return (int)r;
}

static long bio_control(BIO *b, int what, long number, void *p)
{
	(void)b;
	(void)number;
	(void)p;
	return what == BIO_CTRL_FLUSH;
}

static BIO *new_bio(struct tls *t)
{
	static BIO_METHOD *method;
	BIO *b;

	if (method == NULL) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
		if (method == NULL || BIO_meth_set_read(method, bio_read) != 1 ||
		    BIO_meth_set_write(method, bio_write) != 1 ||
		    BIO_meth_set_ctrl(method, bio_control) != 1)
			abort();
	}
	b = BIO_new(method);
	if (b == NULL)
		abort();
	BIO_set_data(b, t);
	BIO_set_init(b, 1);
	return b;
}

/* --- failures --------------------------------------------------------------------------------- */

static void fail(struct tls *t, const char *why)
{
	t->broken = true;
	if (t->why == NULL)
		t->why = xstrdup(why);
	ERR_clear_error();
}

static void fail_ssl(struct tls *t)
{
	const char *data = NULL, *reason = NULL;
	int flags = 0;
	unsigned long e = ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
	char text[WHY_MAX];

	if (e != 0)
		reason = ERR_reason_error_string(e);
	if (e == 0) {
		fail(t, "the peer closed the connection");
	} else {
		str_copy(
		    str_take(str_of(reason != NULL ? reason : "unknown error"), sizeof text - 1),
		    text, sizeof text);
		fail(t, text);
	}
}

/* No mail client needs a second handshake: who asks for one is told no, and let go. */
static void on_info(const SSL *ssl, int where, int what)
{
	struct tls *t = SSL_get_app_data(ssl);

	if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT &&
	    (what & 0xff) == SSL_AD_NO_RENEGOTIATION)
		fail(t, "renegotiation was asked for");
}

/* --- one connection --------------------------------------------------------------------------- */

/* Takes ssl. */
static struct tls *new_tls(SSL *ssl, int fd)
{
	struct tls *t = xcalloc(1, sizeof *t);
	BIO *b = new_bio(t);

	t->fd = fd;
	t->ssl = ssl;
	SSL_set_app_data(ssl, t);
	SSL_set_info_callback(ssl, on_info);
	SSL_set_bio(ssl, b, b);
	return t;
}

struct tls *tls_accept(
    struct tls_context *c, int fd, struct buf *ahead, bool begins, void (*wake)(void *), void *arg)
{
	struct tls *t = new_tls(tls_context_ssl(c), fd);

	buf_init(&t->ahead, ahead->max);
	buf_str(&t->ahead, buf_view(ahead));
	buf_clear(ahead);
	t->context = tls_context_ref(c);
	t->begins = begins;
	t->wake = wake;
	t->wake_arg = arg;
	SSL_set_mode(t->ssl, SSL_MODE_ASYNC);
	SSL_set_accept_state(t->ssl);
	return t;
}

struct tls *tls_connect(
    struct tls_client *c, const struct tls_server *to, int fd, void (*wake)(void *), void *arg)
{
	uint8_t session[TLS_SESSION_KEY];
	struct tls *t = new_tls(tls_client_ssl(c, to, session), fd);

	t->client = c;
	t->begins = true;
	t->wake = wake;
	t->wake_arg = arg;
	if (tls_client_signs(c))
		SSL_set_mode(t->ssl, SSL_MODE_ASYNC);
	t->names = xstrdup(to->names);
	t->dane = to->ndane > 0;
	memcpy(t->session, session, sizeof session);
	SSL_set_connect_state(t->ssl);
	return t;
}

const uint8_t *tls_session_key(const struct tls *t)
{
	return t->session;
}

bool tls_begins(const struct tls *t)
{
	return t->begins;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	t->dead = true;
	if (t->starved)
		TAILQ_REMOVE(&starving, t, next);
	if (t->signing != NULL) {
		if (!t->signing->done)
			signer->cancel(t->signing);
		t->signing->done = true;
		t->signing->n = 0;
		current = t;
		SSL_do_handshake(t->ssl); /* lets the job end */
		current = NULL;
		assert(t->signing == NULL);
	}
	feed_starving(); /* the job is free, or the turn that t was given */
	SSL_free(t->ssl);
	ERR_clear_error();
	tls_context_free(t->context);
	free(t->facts.name);
	tls_peer_forget(&t->facts);
	free(t->why);
	free(t->names);
	buf_clear(&t->ahead);
	free(t);
}

static const char *group_name(SSL *ssl)
{
	switch (SSL_get_negotiated_group(ssl)) {
	case NID_X25519:
		return "X25519";
	case NID_X9_62_prime256v1:
		return "P-256";
	case NID_secp384r1:
		return "P-384";
	default:
		return "";
	}
}

static void secured(struct tls *t)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
	const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	t->secure = true;
	if (t->ahead.n == 0)
		buf_clear(&t->ahead);
	t->facts = (struct tls_facts){
		.version = SSL_get_version(t->ssl),
		.cipher = SSL_CIPHER_standard_name(cipher),
		.bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL),
		.group = group_name(t->ssl),
		.resumed = SSL_session_reused(t->ssl) == 1,
		.name = name == NULL ? NULL : xstrdup(name),
	};
	t->facts.dane = t->dane;
	if (t->client != NULL)
		tls_client_judge(t->ssl, t->names, &t->facts);
	else
		tls_peer_judge(t->ssl, &t->facts);
	SSL_clear_mode(t->ssl, SSL_MODE_ASYNC); /* nothing more is signed */
}

enum tls_step tls_handshake(struct tls *t)
{
	int r, error;

	if (t->starved || (t->signing != NULL && !t->signing->done))
		return TLS_RESTS;
	current = t;
	r = SSL_do_handshake(t->ssl);
	current = NULL;
	error = SSL_get_error(t->ssl, r);
	if (error != SSL_ERROR_WANT_ASYNC && error != SSL_ERROR_WANT_ASYNC_JOB)
		feed_starving(); /* even if this was one of them, and came to no signature */
	switch (error) {
	case SSL_ERROR_NONE:
		secured(t);
		return TLS_SECURE;
	case SSL_ERROR_WANT_READ:
		return TLS_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANTS_WRITE;
	case SSL_ERROR_WANT_ASYNC:
		return TLS_RESTS;
	case SSL_ERROR_WANT_ASYNC_JOB:
		t->starved = true;
		TAILQ_INSERT_TAIL(&starving, t, next);
		return TLS_RESTS;
	default:
		fail_ssl(t);
		if (t->client != NULL)
			tls_client_forget(t->client, t->session);
		return TLS_FAILED;
	}
}

/* What a call that did not succeed means, in errno. */
static ssize_t not_done(struct tls *t, int r)
{
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_WRITE:
		t->wants_write = true;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_READ:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		fail(t, "the connection failed");
		errno = errno == 0 ? ECONNRESET : errno;
		return -1;
	default:
		fail_ssl(t);
		errno = EPROTO;
		return -1;
	}
}

ssize_t tls_read(struct tls *t, void *to, size_t n)
{
	size_t got;
	int r;

	if (t->broken) {
		errno = EPROTO;
		return -1;
	}
	t->wants_write = false;
	errno = 0;
	r = SSL_read_ex(t->ssl, to, n, &got);
	if (t->broken) { /* found by on_info() */
		errno = EPROTO;
		return -1;
	}
	return r == 1 ? (ssize_t)got : not_done(t, r);
}

ssize_t tls_write(struct tls *t, const void *from, size_t n)
{
	size_t sent;
	int r;

	if (t->broken) {
		errno = EPROTO;
		return -1;
	}
	t->wants_write = false;
	errno = 0;
	r = SSL_write_ex(t->ssl, from, n, &sent);
	if (r == 1)
		return (ssize_t)sent;
	/* what fails behind the peer's goodbye OpenSSL takes for the end of what can be read */
	if (not_done(t, r) == 0)
		errno = EPIPE;
	return -1;
}

bool tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

bool tls_pending(const struct tls *t)
{
	return t->broken || t->ahead.n > 0 || SSL_has_pending(t->ssl) == 1 ||
	       (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void tls_goodbye(struct tls *t)
{
	if (t->secure && !t->broken)
		SSL_shutdown(t->ssl);
	ERR_clear_error();
}

const struct tls_facts *tls_facts(const struct tls *t)
{
	return t->secure ? &t->facts : NULL;
}

const char *tls_why(const struct tls *t)
{
	return t->why != NULL ? t->why : "";
}

int tls_exporter(struct tls *t, uint8_t out[32])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	bool safe = SSL_version(t->ssl) >= TLS1_3_VERSION || SSL_get_extms_support(t->ssl) == 1;

	if (!t->secure || !safe ||
	    SSL_export_keying_material(
		t->ssl, out, 32, label, sizeof label - 1, (const unsigned char *)"", 0, 1) != 1)
		return -1;
	return 0;
}
