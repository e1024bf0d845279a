/* TLS of a program that has listeners. See secure.h. */
#include "proto/secure.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/keys.h"
#include "proto/proc.h"
#include "proto/service.h"
#include "proto/types.h"

enum {
	SIGN_DEADLINE = 10 * 1000, /* ms for one signature */
	RESTART_PAUSE = 5 * 1000, /* ms for which signatures wait until keys is there again */
};

struct secure {
	LIST_ENTRY(secure) next;
	enum secure_mode mode;
	struct tls_policy policy; /* without anchors */
	char **names; /* of certificates; NULL = all */
	size_t nnames;
	struct tls_context *context;
};

/* A certificate as published: the packet it came in, with what points into it. */
struct published {
	char *packet;
	struct keys_certificate c;
};

static LIST_HEAD(, secure) all = LIST_HEAD_INITIALIZER(all);
static struct published current[KEYS_CERTIFICATES], coming[KEYS_CERTIFICATES];
static size_t ncurrent, ncoming;
/* Whose client certificates are trusted, and the packet it came in. */
struct trust {
	char *packet;
	struct str der[KEYS_ANCHORS];
	size_t n;
};
static struct trust trust, coming_trust;
static void (*on_change)(void);

/* Signatures wanted while keys is being restarted. */
static struct tls_sign *waiting[TLS_WAITING_MAX];
static size_t nwaiting;
static struct timer patience;

/* --- signatures ------------------------------------------------------------------------------- */

static void ask_keys(struct tls_sign *s);

static void on_signature(struct ask *a, struct ipc_msg *m)
{
	struct tls_sign *s = a->arg;
	struct str signature = STR_NONE;

	if (m != NULL) {
		struct get g = get_start(m->body);

		signature = get_str(&g, TLS_SIGNATURE_MAX);
		if (get_end(&g) == -1)
			signature = STR_NONE;
	} else if (proc_peer(ROLE_KEYS) == NULL) {
		ask_keys(s);
		return;
	}
	tls_signed(s, signature);
}

static void give_up(void *unused)
{
	(void)unused;
	while (nwaiting > 0)
		tls_signed(waiting[--nwaiting], STR_NONE);
}

static void ask_keys(struct tls_sign *s)
{
	struct keys_question q = { .key = s->key, .scheme = s->scheme, .text = s->text };
	struct chan *c = proc_peer(ROLE_KEYS);
	struct put w = put_start();

	if (c == NULL && nwaiting < TLS_WAITING_MAX) {
		if (nwaiting == 0)
			timer_set(&patience, RESTART_PAUSE, give_up, NULL);
		waiting[nwaiting++] = s;
		return;
	}
	put_keys_question(&w, &q);
	chan_ask(c, &s->ask, KEYS_SIGN, &w, NULL, 0, SIGN_DEADLINE, on_signature, s);
}

static void cancel(struct tls_sign *s)
{
	ask_cancel(&s->ask);
	for (size_t i = 0; i < nwaiting; i++)
		if (waiting[i] == s)
			waiting[i--] = waiting[--nwaiting];
}

void secure_open(void)
{
	static const struct tls_signer signer = { ask_keys, cancel };

	tls_open();
	tls_set_signer(&signer);
}

void secure_up(struct chan *c)
{
	(void)c;
	timer_clear(&patience);
	for (size_t n = nwaiting; n > 0; n--) {
		struct tls_sign *s = waiting[--nwaiting];

		ask_keys(s);
	}
}

/* --- what is published ------------------------------------------------------------------------ */

static void forget_coming(void)
{
	for (size_t i = 0; i < ncoming; i++)
		free(coming[i].packet);
	ncoming = 0;
	free(coming_trust.packet);
	coming_trust = (struct trust){ 0 };
}

static int on_certificate(struct chan *c, struct ipc_msg *m)
{
	struct published *p = &coming[ncoming];
	char *packet = str_dup(m->body);
	struct get g = get_start(str_bytes(packet, m->body.n));

	(void)c;
	if (ncoming == KEYS_CERTIFICATES || get_keys_certificate(&g, &p->c) == -1) {
		free(packet);
		return -1;
	}
	p->packet = packet;
	ncoming++;
	return 0;
}

static int on_client_ca(struct chan *c, struct ipc_msg *m)
{
	struct trust *t = &coming_trust;
	char *packet = str_dup(m->body);
	struct get g = get_start(str_bytes(packet, m->body.n));

	(void)c;
	if (t->packet != NULL || get_keys_anchors(&g, t->der, &t->n) == -1) {
		free(packet);
		return -1;
	}
	t->packet = packet;
	return 0;
}

static int on_tickets(struct chan *c, struct ipc_msg *m)
{
	struct tls_ticket_key keys[TLS_TICKET_KEYS];
	struct get g = get_start(m->body);
	size_t n;
	int r = get_keys_tickets(&g, keys, &n);

	(void)c;
	if (r == 0)
		tls_set_tickets(keys, n);
	explicit_bzero(keys, sizeof keys);
	return r;
}

static const struct published *find(struct str name)
{
	for (size_t i = 0; i < ncurrent; i++)
		if (str_eq(current[i].c.name, name))
			return &current[i];
	return NULL;
}

const struct tls_certificate *secure_certificate(struct str name)
{
	const struct published *p = find(name);

	return p == NULL ? NULL : &p->c.certificate;
}

/* The certificates of a listener, in its order or in that of the file. */
static size_t choose(const struct secure *s, struct tls_certificate out[TLS_CERTIFICATES])
{
	size_t n = 0;

	if (s->names == NULL) {
		for (; n < ncurrent && n < TLS_CERTIFICATES; n++)
			out[n] = current[n].c.certificate;
		return n;
	}
	for (size_t i = 0; i < s->nnames && n < TLS_CERTIFICATES; i++) {
		const struct published *p = find(str_of(s->names[i]));

		if (p != NULL)
			out[n++] = p->c.certificate;
		else
			log_warning(NULL, EV("certificate-missing"), KZ("name", s->names[i]));
	}
	return n;
}

static void renew(struct secure *s)
{
	struct tls_certificate chosen[TLS_CERTIFICATES];
	struct tls_context *fresh = NULL;
	size_t n = s->mode == SECURE_OFF ? 0 : choose(s, chosen), bad;

	if (n > 0) {
		struct tls_policy policy = s->policy;

		policy.anchors = trust.der;
		policy.nanchors = policy.ask == TLS_ASK_NOT ? 0 : trust.n;
		fresh = tls_context_new(&policy, chosen, n, &bad);
		if (fresh == NULL) {
			log_error(NULL, EV("certificate-unusable"), KI("number", bad));
			return;
		}
	}
	tls_context_free(s->context);
	s->context = fresh;
}

static int on_complete(struct chan *c, struct ipc_msg *m)
{
	struct secure *s;

	(void)c;
	if (m->body.n != 0)
		return -1;
	for (size_t i = 0; i < ncurrent; i++)
		free(current[i].packet);
	memcpy(current, coming, ncoming * sizeof *coming);
	ncurrent = ncoming;
	ncoming = 0;
	free(trust.packet);
	trust = coming_trust;
	coming_trust = (struct trust){ 0 };
	LIST_FOREACH (s, &all, next)
		renew(s);
	if (on_change != NULL)
		on_change();
	return 0;
}

static int on_first(struct chan *c, struct ipc_msg *m)
{
	(void)c;
	forget_coming();
	return m->body.n == 0 ? 0 : -1;
}

const struct chan_row secure_rows[] = {
	{ KEYS_BEGIN, 0, on_first },
	{ KEYS_CERTIFICATE, 0, on_certificate },
	{ KEYS_CLIENT_CA, 0, on_client_ca },
	{ KEYS_TICKETS, 0, on_tickets },
	{ KEYS_COMPLETE, 0, on_complete },
	{ 0 },
};

/* --- listeners -------------------------------------------------------------------------------- */

/* The first of these for what is none of them. */
static unsigned word_of(struct str text, const char *const *words, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (str_eq(text, str_of(words[i])))
			return i;
	return 0;
}

static enum secure_mode mode_of(const struct conf_section *listener)
{
	static const char *const modes[] = { "off", "optional", "required", "implicit" };

	return word_of(section_str(listener, "tls"), modes, sizeof modes / sizeof *modes);
}

static enum tls_ask ask_of(const struct conf_section *listener)
{
	static const char *const asks[] = { "off", "ask", "require" };

	return word_of(
	    section_str(listener, "client_certificates"), asks, sizeof asks / sizeof *asks);
}

struct secure *secure_new(const struct conf *c, const struct conf_section *listener)
{
	struct secure *s = xcalloc(1, sizeof *s);
	const struct service *service = service_find(section_str(listener, "service"));

	if (service->alpn != NULL)
		s->mode = service->implicit ? SECURE_IMPLICIT : mode_of(listener);
	/* strangers' servers come once in a while, and gain nothing from tickets, which link what
	 * they do */
	s->policy = (struct tls_policy){
		.alpn = service->alpn,
		.tickets = service->role != ROLE_SMTPD,
		.only_13 = str_eq(conf_str(c, "tls_minimum_version"), STR("1.3")),
		.ask = ask_of(listener),
	};
	s->nnames = section_count(listener, "certificates");
	if (s->nnames > 0)
		s->names = xcalloc(s->nnames, sizeof *s->names);
	for (size_t i = 0; i < s->nnames; i++)
		s->names[i] = str_dup(section_item(listener, "certificates", i));
	LIST_INSERT_HEAD(&all, s, next);
	renew(s);
	return s;
}

enum secure_mode secure_mode(const struct secure *s)
{
	return s->mode;
}

void secure_listen(const struct secure *s, int fd)
{
	/* either way: the socket may be older than the settings */
	const int seconds = s->mode == SECURE_IMPLICIT ? 1 : 0;

	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

struct tls_context *secure_context(const struct secure *s)
{
	return s->context;
}

void secure_on_change(void (*fn)(void))
{
	on_change = fn;
}

/* --- words ------------------------------------------------------------------------------------ */

struct str secure_text(const struct conn *c)
{
	static char text[128];
	const struct tls_facts *f = conn_tls(c);

	if (f == NULL)
		return STR_NONE;
	return str_bytes(text, (size_t)snprintf(text, sizeof text, "%s %s %s%s", f->version,
				   f->cipher, f->group, f->resumed ? " resumed" : ""));
}

struct str secure_peer(const struct conn *c)
{
	const struct tls_facts *f = conn_tls(c);

	return f != NULL && f->trusted ? str_of(f->peer) : STR_NONE;
}

struct str secure_fingerprint(const uint8_t hash[TLS_FINGERPRINT], char out[FINGERPRINT_TEXT])
{
	for (unsigned i = 0; i < TLS_FINGERPRINT; i++)
		snprintf(out + 3 * i, 4, i + 1 < TLS_FINGERPRINT ? "%02X:" : "%02X", hash[i]);
	return str_of(out);
}

static void log_peer(const struct tag *tag, const char *client, const struct tls_facts *f)
{
	char text[FINGERPRINT_TEXT];

	log_info(tag, EV("tls-client"), KZ("client", client), KZ("peer", f->peer),
	    KZ("trusted", f->trusted ? "yes" : "no"), KZ("why", f->distrust),
	    KZ("subject", f->subject), KZ("issuer", f->issuer),
	    KS("fingerprint", secure_fingerprint(f->certificate, text)));
}

void secure_log(const struct tag *tag, const char *client, const struct conn *c)
{
	const struct tls_facts *f = conn_tls(c);

	log_info(tag, EV("tls"), KZ("client", client), KZ("version", f->version),
	    KZ("cipher", f->cipher), KI("bits", f->bits), KZ("group", f->group),
	    KZ("resumed", f->resumed ? "yes" : "no"), KZ("name", f->name));
	if (f->shown)
		log_peer(tag, client, f);
}

void secure_log_failure(const struct tag *tag, const char *client, const struct conn *c)
{
	log_info(tag, EV("tls-failed"), KZ("client", client), KZ("why", conn_tls_why(c)));
}
