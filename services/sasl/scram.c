/*
 * SCRAM (RFC 5802, RFC 7677, RFC 9266), by libgsasl, which is asked to do what it can without a
 * key: it checks the messages, the nonces and the channel binding. Salts and proofs are auth's, and
 * auth is asked without waiting for it, so:
 *
 * 1. A first session of the library takes the client's first message apart: whose salt is needed?
 * 2. A second one gets that salt and makes the challenge.
 * 3. When it asks for the key, everything else about the client's last message was right. It gets
 *    none: the AuthMessage and the proof go to auth.
 * 4. auth's signature goes to the client, whose empty message ends it; servers of ours hear that one
 * themselves.
 */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "mech.h"
#include "proto/types.h"

enum { FIRST_MAX = 1024 /* bytes of each of the first messages: names, nonces, a salt */ };

struct scram {
	Gsasl_session *session;
	bool key_wanted; /* the library has found nothing wrong */
	char first[FIRST_MAX + 1]; /* the client's */
	char challenge[FIRST_MAX + 1];
	bool proved;
	char address[LOGIN_MAX + 1]; /* of the account, once it is proved */
	uint8_t nonce[NONCE_BYTES];
};

static Gsasl *library;

static int callback(Gsasl *ctx, Gsasl_session *session, Gsasl_property property)
{
	struct scram *s = gsasl_session_hook_get(session);

	(void)ctx;
	if (property == GSASL_SCRAM_SERVERKEY)
		s->key_wanted = true;
	return GSASL_NO_CALLBACK;
}

int scram_open(void)
{
	if (gsasl_init(&library) != GSASL_OK)
		return -1;
	gsasl_callback_set(library, callback);
	return gsasl_server_support_p(library, "SCRAM-SHA-256-PLUS") &&
		       gsasl_server_support_p(library, "SCRAM-SHA-1-PLUS")
		   ? 0
		   : -1;
}

static void set_base64(Gsasl_session *session, Gsasl_property property, struct str bytes)
{
	char text[BASE64_SIZE(64) + 1];

	text[base64_encode(str_take(bytes, 64), text)] = '\0';
	gsasl_property_set(session, property, text);
}

static int open_session(struct exchange *x)
{
	struct scram *s = x->state;

	if (gsasl_server_start(library, x->mechanism->name, &s->session) != GSASL_OK)
		return -1;
	gsasl_session_hook_set(s->session, s);
	if (x->exporter_size > 0)
		set_base64(
		    s->session, GSASL_CB_TLS_EXPORTER, str_bytes(x->exporter, x->exporter_size));
	return 0;
}

static void close_session(struct scram *s)
{
	if (s->session != NULL)
		gsasl_finish(s->session);
	s->session = NULL;
}

void scram_end(struct exchange *x)
{
	struct scram *s = x->state;

	if (s == NULL)
		return;
	close_session(s);
	explicit_bzero(s, sizeof *s);
	free(s);
}

/* One step of the library: its result; what it would say goes to out (FIRST_MAX + 1), or nowhere.
 */
static int step(struct scram *s, struct str message, char *out)
{
	char *text = NULL;
	size_t n = 0;
	int r = gsasl_step(s->session, message.p, message.n, &text, &n);

	if (r == GSASL_NEEDS_MORE && out != NULL &&
	    str_copy(str_bytes(text, n), out, FIRST_MAX + 1) == -1)
		r = GSASL_MECHANISM_PARSE_ERROR;
	gsasl_free(text);
	return r;
}

/* What is wrong is no message of SCRAM, or is one that lies about channels and nonces. */
static void fail(struct exchange *x, int r)
{
	exchange_end(x, r == GSASL_AUTHENTICATION_ERROR ? SASL_REFUSED : SASL_MALFORMED);
}

/* --- the first message ----------------------------------------------------------------------- */

static void on_salt(struct exchange *x, struct get *g)
{
	struct scram *s = x->state;
	struct auth_salt_answer a;
	char iterations[16];
	int r;

	if (get_auth_salt_answer(g, &a) == -1 || a.verdict != AUTH_OK || open_session(x) == -1) {
		exchange_end(x, SASL_LATER);
		return;
	}
	(void)snprintf(iterations, sizeof iterations, "%u", a.iterations);
	gsasl_property_set(s->session, GSASL_SCRAM_ITER, iterations);
	set_base64(s->session, GSASL_SCRAM_SALT, a.salt);
	r = step(s, str_of(s->first), s->challenge);
	if (r == GSASL_NEEDS_MORE)
		exchange_challenge(x, str_of(s->challenge));
	else
		fail(x, r);
}

static void first(struct exchange *x, struct str message)
{
	struct scram *s = x->state = xcalloc(1, sizeof *s);
	struct put w = put_start();
	struct auth_who who;
	struct str login;
	int r;

	if (str_copy(message, s->first, sizeof s->first) == -1) {
		exchange_end(x, SASL_MALFORMED);
		return;
	}
	r = open_session(x) == -1 ? GSASL_MECHANISM_PARSE_ERROR : step(s, message, NULL);
	if (r != GSASL_NEEDS_MORE) {
		fail(x, r);
		return;
	}
	if (exchange_identity(str_of(gsasl_property_fast(s->session, GSASL_AUTHZID)),
		str_of(gsasl_property_fast(s->session, GSASL_AUTHID)), &login) == -1) {
		exchange_end(x, SASL_REFUSED);
		return;
	}
	(void)str_copy(login, x->login, sizeof x->login);
	close_session(s);
	who = exchange_who(x, str_of(x->login));
	put_auth_salt(&w, &who);
	exchange_ask(x, AUTH_SALT, &w, on_salt);
}

/* --- the proof ------------------------------------------------------------------------------- */

static void on_proof(struct exchange *x, struct get *g)
{
	struct scram *s = x->state;
	struct auth_proof_answer a;
	char text[2 + BASE64_SIZE(SCRAM_HASH_MAX)] = "v=";

	if (get_auth_proof_answer(g, &a) == -1 || a.answer.verdict == AUTH_LATER) {
		exchange_end(x, SASL_LATER);
	} else if (a.answer.verdict == AUTH_REFUSED) {
		exchange_end(x, SASL_REFUSED);
	} else {
		struct str last = str_bytes(text, 2 + base64_encode(a.signature, text + 2));

		if (x->asker->takes_data) {
			exchange_accept(x, &a.answer, last);
			return;
		}
		s->proved = true;
		(void)str_copy(a.answer.address, s->address, sizeof s->address);
		memcpy(s->nonce, a.answer.nonce, sizeof s->nonce);
		exchange_challenge(x, last);
	}
}

enum { PROOF_ROOM = BASE64_SIZE(SCRAM_HASH_MAX) / 4 * 3 };

/* What stands before the proof, and the proof's bytes. The library has looked at it before. */
static int split_final(
    struct str message, struct str *before, char proof[PROOF_ROOM], struct str *out)
{
	ssize_t at = str_search(message, STR(",p=")), n;
	struct str text;

	if (at == -1)
		return -1;
	*before = str_take(message, (size_t)at);
	text = str_skip(message, (size_t)at + 3);
	n = text.n > BASE64_SIZE(SCRAM_HASH_MAX) ? -1 : base64_decode(text, proof);
	*out = str_bytes(proof, n > 0 ? (size_t)n : 0);
	return n < 0 || n > SCRAM_HASH_MAX ? -1 : 0;
}

/* RFC 5802 3: AuthMessage. -1: too long. */
static int auth_message(const struct scram *s, struct str before, char out[SCRAM_MESSAGE_MAX + 1])
{
	struct str bare = str_of(s->first);
	int n;

	for (int commas = 0; commas < 2; commas++) /* the gs2-header */
		bare = str_skip(bare, (size_t)str_find(bare, ',') + 1);
	n = snprintf(out, SCRAM_MESSAGE_MAX + 1, "%.*s,%s,%.*s", STR_ARG(bare), s->challenge,
	    STR_ARG(before));
	return n < 0 || n > SCRAM_MESSAGE_MAX ? -1 : 0;
}

static void final(struct exchange *x, struct str message)
{
	struct scram *s = x->state;
	char text[SCRAM_MESSAGE_MAX + 1], proof[PROOF_ROOM];
	struct put w = put_start();
	struct auth_proof p = { .who = exchange_who(x, str_of(x->login)) };
	struct str before;
	int r = step(s, message, NULL);

	if (r != GSASL_NO_PASSWORD || !s->key_wanted) {
		fail(x, r);
		return;
	}
	if (split_final(message, &before, proof, &p.proof) == -1 ||
	    auth_message(s, before, text) == -1) {
		exchange_end(x, SASL_MALFORMED);
		return;
	}
	p.hash = str_starts(str_of(x->mechanism->name), STR("SCRAM-SHA-256")) ? SCRAM_SHA_256
									      : SCRAM_SHA_1;
	p.message = str_of(text);
	put_auth_proof(&w, &p);
	exchange_ask(x, AUTH_PROOF, &w, on_proof);
}

void scram_step(struct exchange *x, struct str message)
{
	struct scram *s = x->state;

	if (str_find(message, '\0') != -1) {
		exchange_end(x, SASL_MALFORMED);
	} else if (s == NULL) {
		first(x, message);
	} else if (!s->proved) {
		final(x, message);
	} else if (message.n > 0) {
		exchange_end(x, SASL_MALFORMED);
	} else {
		struct auth_answer a = { .verdict = AUTH_OK, .address = str_of(s->address) };

		memcpy(a.nonce, s->nonce, sizeof a.nonce);
		exchange_accept(x, &a, STR_NONE);
	}
}
