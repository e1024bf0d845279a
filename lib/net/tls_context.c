/*
 * What a class of listeners offers: certificates, versions, ciphers, session tickets. See tls.h.
 *
 * For each name in the certificates there is an SSL_CTX with the certificates of that name, one per
 * kind of key; names with the same certificates share it. It is found by a binary search, so a
 * name that a client makes up costs nothing.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tls_internal.h"

enum {
	NAME_MAX_LENGTH = 253,
	NAMES_MAX = 4096, /* of all certificates of a context */
	CLIENT_CHAIN = 16384, /* bytes of a client's certificates */
};

/*
 * RFC 9325 4.2, RFC 8446 9.1; the server's choice, so AES first where the machine has it. Of its two
 * sizes, the one with SHA-256 comes first: it is beyond anybody's reach as well, and a resumed
 * handshake with SHA-384 costs a tenth more.
 */
#define CIPHERS    "ECDHE+AESGCM+AES128:ECDHE+AESGCM+AES256:ECDHE+CHACHA20:@SECLEVEL=2"
#define CIPHERS_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

struct name {
	char *text; /* lower case; a wildcard without its first label, ".example.org" */
	uint32_t mask; /* of the hosts that have it */
	SSL_CTX *ctx; /* borrowed from the first name with that mask */
	bool first;
};

struct tls_context {
	unsigned refs;
	struct tls_policy policy;
	struct tls_host hosts[TLS_CERTIFICATES];
	size_t nhosts;
	SSL_CTX *ctx; /* without a name */
	struct name *names;
	size_t nnames;
};

static OSSL_LIB_CTX *library;
static struct tls_ticket_key ticket_keys[TLS_TICKET_KEYS];
static size_t nticket_keys;
static EVP_CIPHER *ticket_cipher;

void tls_open(void)
{
	uint8_t byte;

	if (library != NULL)
		return;
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
	library = OSSL_LIB_CTX_new();
	if (library == NULL)
		abort();
	tls_key_open(library);
	tls_schedule_open(library);
	ticket_cipher = EVP_CIPHER_fetch(library, "AES-256-CBC", NULL);
	if (ticket_cipher == NULL || RAND_bytes_ex(library, &byte, 1, 0) != 1 ||
	    RAND_priv_bytes_ex(library, &byte, 1, 0) != 1 ||
	    ASYNC_init_thread(TLS_WAITING_MAX, 1) != 1)
		abort();
}

OSSL_LIB_CTX *tls_library(void)
{
	return library;
}

/* --- session tickets -------------------------------------------------------------------------- */

void tls_set_tickets(const struct tls_ticket_key *keys, size_t n)
{
	assert(n <= TLS_TICKET_KEYS);
	explicit_bzero(ticket_keys, sizeof ticket_keys);
	if (n > 0)
		memcpy(ticket_keys, keys, n * sizeof *keys);
	nticket_keys = n;
}

static int ticket_mac(EVP_MAC_CTX *mac, const struct tls_ticket_key *k)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(
		    OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->mac, sizeof k->mac),
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 = no ticket, 1 = good, 2 = good, and give a new one.
 */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int seal)
{
	int n = EVP_CIPHER_get_iv_length(ticket_cipher);

	(void)ssl;
	if (nticket_keys == 0)
		return 0;
	if (seal) {
		const struct tls_ticket_key *k = &ticket_keys[0];

		if (RAND_bytes_ex(library, iv, (size_t)n, 0) != 1)
			return -1;
		memcpy(name, k->name, sizeof k->name);
		return EVP_EncryptInit_ex2(cipher, ticket_cipher, k->cipher, iv, NULL) == 1 &&
			       ticket_mac(mac, k) == 1
			   ? 1
			   : -1;
	}
	for (size_t i = 0; i < nticket_keys; i++) {
		const struct tls_ticket_key *k = &ticket_keys[i];

		if (memcmp(name, k->name, sizeof k->name) != 0)
			continue;
		if (ticket_mac(mac, k) != 1 ||
		    EVP_DecryptInit_ex2(cipher, ticket_cipher, k->cipher, iv, NULL) != 1)
			return -1;
		return i == 0 ? 1 : 2; /* replaced once an hour at most */
	}
	return 0;
}

/* --- names ------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static const struct name *find_name(const struct tls_context *c, const char *text)
{
	const struct name key = { .text = (char *)(uintptr_t)text };

	return c->nnames == 0 ? NULL : bsearch(&key, c->names, c->nnames, sizeof key, by_name);
}

/* RFC 6125 6.4: a wildcard is the whole of the first label. */
static const struct name *match_name(const struct tls_context *c, const char *asked)
{
	char text[NAME_MAX_LENGTH + 1];
	const struct name *found;
	const char *dot;
	size_t n = strlen(asked);

	if (n > 0 && asked[n - 1] == '.')
		n--;
	if (n == 0 || n > NAME_MAX_LENGTH)
		return NULL;
	for (size_t i = 0; i < n; i++)
		text[i] = ascii_lower(asked[i]);
	text[n] = '\0';
	found = find_name(c, text);
	dot = strchr(text, '.');
	return found != NULL || dot == NULL || dot == text ? found : find_name(c, dot);
}

static void add_name(struct tls_context *c, struct str s, uint32_t mask)
{
	bool wild = str_starts(s, STR("*."));
	char text[NAME_MAX_LENGTH + 1];

	if (wild)
		s = str_skip(s, 1);
	if (c->nnames == NAMES_MAX || s.n == 0 || str_find(s, '*') != -1 ||
	    (!wild && s.p[0] == '.') || str_copy(s, text, sizeof text) == -1)
		return;
	for (char *p = text; *p != '\0'; p++)
		*p = ascii_lower(*p);
	for (size_t i = 0; i < c->nnames; i++)
		if (strcmp(c->names[i].text, text) == 0) {
			c->names[i].mask |= mask;
			return;
		}
	c->names = xreallocarray(c->names, c->nnames + 1, sizeof *c->names);
	c->names[c->nnames++] = (struct name){ .text = xstrdup(text), .mask = mask };
}

/* Only subject alternative names count (RFC 9525 2). */
static void add_names(struct tls_context *c, size_t host)
{
	GENERAL_NAMES *all =
	    X509_get_ext_d2i(c->hosts[host].certificate, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

		if (g->type == GEN_DNS)
			add_name(c,
			    str_bytes(ASN1_STRING_get0_data(g->d.dNSName),
				(size_t)ASN1_STRING_length(g->d.dNSName)),
			    1u << host);
	}
	GENERAL_NAMES_free(all);
}

/* Of an exact name, those who cover it by a wildcard have it as well. */
static void spread_wildcards(struct tls_context *c)
{
	for (size_t i = 0; i < c->nnames; i++) {
		const char *dot = strchr(c->names[i].text, '.');
		const struct name *wild;

		if (dot == NULL || dot == c->names[i].text)
			continue;
		wild = find_name(c, dot);
		if (wild != NULL)
			c->names[i].mask |= wild->mask;
	}
}

/* --- making a context ------------------------------------------------------------------------- */

/* The server name of a ClientHello; which context of that name serves. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct tls_context *c = arg;
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct name *found = asked == NULL ? NULL : match_name(c, asked);

	(void)alert;
	if (found != NULL && found->ctx != c->ctx && SSL_set_SSL_CTX(ssl, found->ctx) == NULL)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return asked == NULL ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

/* RFC 7301 3.2. Who speaks of other protocols was led here by somebody else. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
    const unsigned char *in, unsigned in_n, void *arg)
{
	const struct tls_context *c = arg;

	(void)ssl;
	for (unsigned i = 0; i < in_n; i += 1u + in[i])
		if (str_eq(str_bytes(in + i + 1, in[i]), str_of(c->policy.alpn))) {
			*out = in + i + 1;
			*out_n = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *new_ctx(struct tls_context *c, uint32_t mask)
{
	SSL_CTX *x = SSL_CTX_new_ex(library, NULL, TLS_server_method());
	uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
			   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
			   SSL_OP_IGNORE_UNEXPECTED_EOF;

	if (x == NULL)
		abort();
	if (!c->policy.tickets)
		options |= SSL_OP_NO_TICKET;
	SSL_CTX_set_options(x, options);
	SSL_CTX_set_mode(x, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(x, 1);
	SSL_CTX_set_max_cert_list(x, CLIENT_CHAIN);
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(x, c->policy.tickets ? 1 : 0);
	if (SSL_CTX_set_min_proto_version(x, c->policy.only_13 ? TLS1_3_VERSION : TLS1_2_VERSION) !=
		1 ||
	    SSL_CTX_set_cipher_list(x, CIPHERS) != 1 ||
	    SSL_CTX_set_ciphersuites(x, CIPHERS_13) != 1 ||
	    SSL_CTX_set1_groups_list(x, TLS_GROUPS) != 1 ||
	    SSL_CTX_set1_sigalgs_list(x, TLS_SIGNATURES) != 1 ||
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(x, on_ticket) != 1)
		abort();
	SSL_CTX_set_tlsext_servername_callback(x, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(x, c);
	SSL_CTX_set_alpn_select_cb(x, on_alpn, c);
	tls_peer_ask(x, &c->policy);
	for (size_t i = 0; i < c->nhosts; i++) {
		const struct tls_host *h = &c->hosts[i];

		if ((mask & 1u << i) != 0 &&
		    SSL_CTX_use_cert_and_key(x, h->certificate, h->key, h->chain, 1) != 1)
			abort(); /* tls_host_load() has tried it */
	}
	return x;
}

static X509 *parse(struct str der)
{
	X509 *x = X509_new_ex(library, NULL);
	const unsigned char *p = (const unsigned char *)der.p;

	if (x != NULL && d2i_X509(&x, &p, (long)der.n) != NULL &&
	    p == (const unsigned char *)der.p + der.n)
		return x;
	X509_free(x);
	return NULL;
}

static uint8_t kind_of(const EVP_PKEY *key)
{
	static const char *const kinds[] = { "RSA", "EC", "ED25519" };
	uint8_t i = 0;

	while (i < sizeof kinds / sizeof *kinds && !EVP_PKEY_is_a(key, kinds[i]))
		i++;
	return i;
}

bool tls_host_load(struct tls_host *h, const struct tls_certificate *from)
{
	SSL_CTX *trial;
	bool good;

	*h = (struct tls_host){ .chain = sk_X509_new_null() };
	h->certificate = from->n == 0 ? NULL : parse(from->chain[0]);
	if (h->certificate == NULL || h->chain == NULL)
		return false;
	for (unsigned i = 1; i < from->n; i++) {
		X509 *x = parse(from->chain[i]);

		if (x == NULL || sk_X509_push(h->chain, x) == 0)
			return false;
	}
	h->key = tls_key_new(h->certificate, from->key);
	h->kind = h->key == NULL ? 0 : kind_of(h->key);
	trial = SSL_CTX_new_ex(library, NULL, TLS_server_method());
	good = h->key != NULL && trial != NULL &&
	       SSL_CTX_use_cert_and_key(trial, h->certificate, h->key, h->chain, 1) == 1;
	SSL_CTX_free(trial);
	return good;
}

void tls_host_clear(struct tls_host *h)
{
	X509_free(h->certificate);
	sk_X509_pop_free(h->chain, X509_free);
	EVP_PKEY_free(h->key);
	*h = (struct tls_host){ .kind = 0 };
}

/* Of the hosts in mask, the first of each kind of key: nobody gets another. */
static uint32_t first_of_each(const struct tls_context *c, uint32_t mask)
{
	uint32_t first = 0;

	for (size_t i = 0; i < c->nhosts; i++) {
		bool later = (mask & 1u << i) == 0;

		for (size_t k = 0; k < i && !later; k++)
			later = (first & 1u << k) != 0 && c->hosts[k].kind == c->hosts[i].kind;
		if (!later)
			first |= 1u << i;
	}
	return first;
}

static void make_ctxs(struct tls_context *c)
{
	uint32_t all = first_of_each(c, ~0u);

	c->ctx = new_ctx(c, all);
	for (size_t i = 0; i < c->nnames; i++) {
		c->names[i].mask = first_of_each(c, c->names[i].mask);
		c->names[i].ctx = c->names[i].mask == all ? c->ctx : NULL;
		for (size_t k = 0; k < i && c->names[i].ctx == NULL; k++)
			if (c->names[k].mask == c->names[i].mask)
				c->names[i].ctx = c->names[k].ctx;
		c->names[i].first = c->names[i].ctx == NULL;
		if (c->names[i].first)
			c->names[i].ctx = new_ctx(c, c->names[i].mask);
	}
}

struct tls_context *tls_context_new(const struct tls_policy *policy,
    const struct tls_certificate *certificates, size_t n, size_t *bad)
{
	struct tls_context *c = xcalloc(1, sizeof *c);

	assert(library != NULL && n <= TLS_CERTIFICATES);
	c->refs = 1;
	c->policy = *policy;
	*bad = 0;
	for (size_t i = 0; i < n; i++) {
		c->nhosts = i + 1;
		if (!tls_host_load(&c->hosts[i], &certificates[i])) {
			*bad = i;
			ERR_clear_error();
			tls_context_free(c);
			return NULL;
		}
	}
	if (n == 0) {
		tls_context_free(c);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		add_names(c, i);
	if (c->nnames > 0)
		qsort(c->names, c->nnames, sizeof *c->names, by_name);
	spread_wildcards(c);
	make_ctxs(c);
	c->policy.anchors = NULL;
	c->policy.nanchors = 0;
	return c;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
	c->refs++;
	return c;
}

void tls_context_free(struct tls_context *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	for (size_t i = 0; i < c->nnames; i++) {
		if (c->names[i].first)
			SSL_CTX_free(c->names[i].ctx);
		free(c->names[i].text);
	}
	free(c->names);
	SSL_CTX_free(c->ctx);
	for (size_t i = 0; i < c->nhosts; i++)
		tls_host_clear(&c->hosts[i]);
	free(c);
}

SSL *tls_context_ssl(struct tls_context *c)
{
	SSL *s = SSL_new(c->ctx);

	if (s == NULL)
		abort();
	if (nticket_keys == 0) /* TLS 1.3 would send an empty one, which RFC 8446 does not know */
		SSL_set_num_tickets(s, 0);
	return s;
}
