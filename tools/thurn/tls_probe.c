/* A TLS client that wants to know. See tls_probe.h. */
#include "tls_probe.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/certificate.h"
#include "net/tls.h"

#define NO_AEAD "ALL:!aNULL:!AESGCM:!AESCCM:!CHACHA20:!ARIA"

enum { LINE_MAX_BYTES = 2048, LINES_MAX = 100 };

const char *const probe_versions[PROBE_VERSIONS] = { "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };
static const int version_numbers[PROBE_VERSIONS] = { TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
	TLS1_3_VERSION };

/* RFC 3207, 2595, 8314: how each protocol comes to TLS; no word = with the first byte. */
static const struct protocol {
	const char *name, *port;
	const char *hello, *word; /* lines to say */
	const char *greeting, *yes, *ready; /* how the answers begin */
} protocols[] = {
	{ "smtp", "25", "EHLO localhost\r\n", "STARTTLS\r\n", "220", "250", "220" },
	{ "submission", "587", "EHLO localhost\r\n", "STARTTLS\r\n", "220", "250", "220" },
	{ "lmtp", "24", "LHLO localhost\r\n", "STARTTLS\r\n", "220", "250", "220" },
	{ "imap", "143", NULL, "a STARTTLS\r\n", "* OK", NULL, "a OK" },
	{ "pop3", "110", NULL, "STLS\r\n", "+OK", NULL, "+OK" },
	{ "submissions", "465", NULL, NULL, NULL, NULL, NULL },
	{ "imaps", "993", NULL, NULL, NULL, NULL, NULL },
	{ "pop3s", "995", NULL, NULL, NULL, NULL, NULL },
};

static const struct protocol *find(const char *name)
{
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (strcmp(protocols[i].name, name) == 0)
			return &protocols[i];
	return NULL;
}

const char *probe_protocol(const char *name)
{
	const struct protocol *p = find(name);

	return p == NULL ? NULL : p->name;
}

const char *probe_default_port(const char *protocol)
{
	return find(protocol)->port;
}

const char *probe_protocol_of(const char *port)
{
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (strcmp(protocols[i].port, port) == 0)
			return protocols[i].name;
	return NULL;
}

static int fail(struct probe *p, const char *what, const char *detail)
{
	if (p->error[0] == '\0')
		snprintf(p->error, sizeof p->error, "%s%.200s", what, detail);
	return -1;
}

/* --- the way to TLS --------------------------------------------------------------------------- */

static int dial(const struct probe_target *t, struct probe *p)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct timeval patience = { .tv_sec = PROBE_SECONDS };
	const char *name = t->address[0] != '\0' ? t->address : t->host;
	struct addrinfo *all, *a;
	int fd = -1, r = getaddrinfo(name, t->port, &hints, &all);

	if (r != 0)
		return fail(p, "no address: ", gai_strerror(r));
	for (a = all; a != NULL && fd == -1; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd == -1)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
		if (connect(fd, a->ai_addr, a->ai_addrlen) == -1) {
			fail(p, "cannot connect: ", strerror(errno));
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(all);
	return fd;
}

/* One byte at a time: what follows belongs to TLS. */
static int read_line(int fd, char *line)
{
	size_t n = 0;

	while (n < LINE_MAX_BYTES - 1) {
		ssize_t r = recv(fd, line + n, 1, 0);

		if (r != 1)
			return -1;
		if (line[n++] == '\n')
			break;
	}
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	line[n] = '\0';
	return 0;
}

/* Reads a reply, with all of its lines; the last one is left in line. */
static int expect(int fd, const char *begin, char *line)
{
	for (int i = 0; i < LINES_MAX; i++) {
		if (read_line(fd, line) == -1)
			return -1;
		if (!str_starts(str_of(line), str_of(begin)))
			return -1;
		/* a reply of SMTP goes on while there is a hyphen behind the code */
		if (begin[0] < '0' || begin[0] > '9' || line[strlen(begin)] != '-')
			return 0;
	}
	return -1;
}

static int say(int fd, const char *text)
{
	size_t n = strlen(text);

	return send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

/* A connection on which the handshake is next; -1 says why not in p->error. */
static int reach(const struct probe_target *t, struct probe *p)
{
	const struct protocol *how = find(t->protocol);
	char line[LINE_MAX_BYTES] = "";
	int fd = dial(t, p);

	if (fd == -1)
		return -1;
	p->connected = true;
	if (how->word == NULL)
		return fd;
	if (expect(fd, how->greeting, line) == -1)
		fail(p, "the greeting was: ", line);
	else if (how->hello != NULL &&
		 (say(fd, how->hello) == -1 || expect(fd, how->yes, line) == -1))
		fail(p, "the answer to the first command was: ", line);
	else if (say(fd, how->word) == -1 || expect(fd, how->ready, line) == -1)
		fail(p, "STARTTLS was answered with: ", line);
	else
		return fd;
	close(fd);
	return -1;
}

/* --- handshakes ------------------------------------------------------------------------------- */

struct trial {
	int lowest, highest; /* versions; 0 = any */
	const char *ciphers; /* of TLSv1.2 and before; NULL = as usual */
};

static SSL_CTX *client(const char *ca, const struct trial *trial)
{
	SSL_CTX *x = SSL_CTX_new(TLS_client_method());

	if (x == NULL)
		return NULL;
	SSL_CTX_set_security_level(x, 0); /* to see what is wrong, one has to take part in it */
	SSL_CTX_set_min_proto_version(x, trial->lowest != 0 ? trial->lowest : TLS1_VERSION);
	SSL_CTX_set_max_proto_version(x, trial->highest);
	if ((trial->ciphers != NULL && SSL_CTX_set_cipher_list(x, trial->ciphers) != 1) ||
	    (ca != NULL ? SSL_CTX_load_verify_file(x, ca) : SSL_CTX_set_default_verify_paths(x)) !=
		1) {
		SSL_CTX_free(x);
		return NULL;
	}
	return x;
}

static void note_certificate(SSL *s, const struct probe_target *t, struct probe_certificate *p)
{
	X509 *x = SSL_get0_peer_certificate(s);
	EVP_PKEY *key = X509_get0_pubkey(x);
	long verdict = SSL_get_verify_result(s);

	p->trusted = verdict == X509_V_OK;
	if (!p->trusted)
		snprintf(p->chain, sizeof p->chain, "%s", X509_verify_cert_error_string(verdict));
	p->matches =
	    X509_check_host(x, t->name, 0, 0, NULL) == 1 || X509_check_ip_asc(x, t->name, 0) == 1;
	p->bits = (unsigned)EVP_PKEY_get_bits(key);
	snprintf(p->kind, sizeof p->kind, "%s", EVP_PKEY_get0_type_name(key));
	p->not_before = certificate_time(X509_get0_notBefore(x));
	p->not_after = certificate_time(X509_get0_notAfter(x));
	certificate_names(x, p->names, sizeof p->names);
}

static void note_session(SSL *s, const struct probe_target *t, struct probe *p)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(s);
	int group = (int)SSL_get_negotiated_group(s);

	p->tls = true;
	snprintf(p->version, sizeof p->version, "%s", SSL_get_version(s));
	snprintf(p->cipher, sizeof p->cipher, "%s", SSL_CIPHER_standard_name(cipher));
	snprintf(p->group, sizeof p->group, "%s", group == NID_undef ? "none" : OBJ_nid2sn(group));
	note_certificate(s, t, &p->certificates[0]);
	p->ncertificates = 1;
}

static void note_failure(struct probe *p)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	fail(p, "the handshake failed: ", reason != NULL ? reason : "the connection was closed");
}

/* Does the server take part? p is filled in if it is not NULL. */
static bool try(const struct probe_target *t, const char *ca, struct trial trial, struct probe *p)
{
	struct probe ignored = { .tls = false }, *to = p != NULL ? p : &ignored;
	int fd = reach(t, to);
	SSL_CTX *x = fd == -1 ? NULL : client(ca, &trial);
	SSL *s = x == NULL ? NULL : SSL_new(x);
	bool good = false;

	ERR_clear_error();
	if (s != NULL && SSL_set_fd(s, fd) == 1 && SSL_set_tlsext_host_name(s, t->name) == 1) {
		good = SSL_connect(s) == 1;
		if (good && p != NULL)
			note_session(s, t, p);
		else if (!good)
			note_failure(to);
		if (good)
			SSL_shutdown(s);
	} else if (fd != -1) {
		fail(to, "TLS cannot be set up",
		    x == NULL && ca != NULL ? ": the file of authorities cannot be read" : "");
	}
	SSL_free(s);
	SSL_CTX_free(x);
	if (fd != -1)
		close(fd);
	return good;
}

/* --- TLSA records ----------------------------------------------------------------------------- */

/* RFC 7672 3.1.3: the usages that need a public authority are of no use with mail. */
static bool use(SSL *s, const struct tls_association *a)
{
	return (a->usage == TLSA_TA || a->usage == TLSA_EE) &&
	       SSL_dane_tlsa_add(s, a->usage, a->selector, a->matching,
		   (const unsigned char *)a->data.p, a->data.n) == 1;
}

/* The one that the library has matched. */
static int matched(SSL *s, const struct tls_association *all, uint32_t n)
{
	uint8_t usage, selector, matching;
	const unsigned char *data;
	size_t size;

	if (SSL_get_verify_result(s) != X509_V_OK ||
	    SSL_get0_dane_tlsa(s, &usage, &selector, &matching, &data, &size) < 0)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		if (all[i].usage == usage && all[i].selector == selector &&
		    all[i].matching == matching && str_eq(all[i].data, str_bytes(data, size)))
			return (int)i;
	return -1;
}

/* Its names: the base domain, and what it was asked for by (RFC 7672 3.2.3). */
static bool set_up_dane(SSL *s, const struct probe_target *t, const char *base)
{
	SSL_set_hostflags(
	    s, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_dane_set_flags(s, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	return SSL_dane_enable(s, base) == 1 && SSL_add1_host(s, t->name) == 1;
}

int probe_dane(const struct probe_target *t, const char *base, const struct tls_association *all,
    uint32_t n, bool *usable, char why[PROBE_TEXT])
{
	struct probe p = { .tls = false };
	int fd = reach(t, &p), found = -1;
	SSL_CTX *x = SSL_CTX_new(TLS_client_method());
	SSL *s = x != NULL && SSL_CTX_dane_enable(x) == 1 ? SSL_new(x) : NULL;
	bool any = false;

	if (s != NULL && set_up_dane(s, t, base))
		for (uint32_t i = 0; i < n; i++)
			any = (usable[i] = use(s, &all[i])) || any;
	ERR_clear_error();
	snprintf(why, PROBE_TEXT, "%s", p.error);
	if (fd != -1 && any && SSL_set_fd(s, fd) == 1) {
		if (SSL_connect(s) == 1)
			found = matched(s, all, n);
		else
			note_failure(&p);
		snprintf(why, PROBE_TEXT, "%s",
		    p.error[0] != '\0' ? p.error
				       : X509_verify_cert_error_string(SSL_get_verify_result(s)));
	}
	SSL_free(s);
	SSL_CTX_free(x);
	if (fd != -1)
		close(fd);
	return found;
}

/* RSA beside ECDSA: each client sees one of the two, and the other one may be the bad one. */
static void look_for_another(const struct probe_target *t, const char *ca, struct probe *p)
{
	bool rsa = strcmp(p->certificates[0].kind, "RSA") == 0;
	struct probe other = { .tls = false };

	if (try(t, ca, (struct trial){ TLS1_2_VERSION, TLS1_2_VERSION, rsa ? "aECDSA" : "aRSA" },
		&other))
		p->certificates[p->ncertificates++] = other.certificates[0];
}

void probe_server(const struct probe_target *t, const char *ca, struct probe *p)
{
	*p = (struct probe){ .tls = false };
	signal(SIGPIPE, SIG_IGN);
	if (!try(t, ca, (struct trial){ 0, 0, NULL }, p))
		return;
	for (size_t i = 0; i < PROBE_VERSIONS; i++)
		p->versions[i] = try(
		    t, ca, (struct trial){ version_numbers[i], version_numbers[i], NULL }, NULL);
	if (!p->versions[2])
		return;
	p->static_rsa = try(t, ca, (struct trial){ TLS1_2_VERSION, TLS1_2_VERSION, "kRSA" }, NULL);
	p->no_aead = try(t, ca, (struct trial){ TLS1_2_VERSION, TLS1_2_VERSION, NO_AEAD }, NULL);
	look_for_another(t, ca, p);
}
