/*
 * The mechanisms: what a client says, and what it is asked next. One row each; which of them are
 * offered is a setting, and where is said in proto/sasl.c.
 */
#ifndef SASL_MECH_H
#define SASL_MECH_H

#include "exchange.h"
#include "proto/conf.h"

struct mechanism {
	const char *name;
	const char *prompt; /* the challenge to a client that sent no initial response */
	void (*step)(struct exchange *x, struct str message);
	void (*end)(struct exchange *x); /* frees x->state; may be NULL */
};

/* NULL: there is no such mechanism. Of any case. */
const struct mechanism *mech_find(struct str name);

/* --- password.c ------------------------------------------------------------------------------ */

void plain_step(struct exchange *x, struct str message);
void login_step(struct exchange *x, struct str message);
/*
 * The message of PLAIN (RFC 4616): authzid NUL authcid NUL passwd. -1 when it is malformed.
 */
int plain_parse(struct str message, struct str *authzid, struct str *login, struct str *password);

/* --- scram.c: SCRAM-SHA-256 and -1, each with -PLUS ------------------------------------------- */

/* Before confinement. -1: the library cannot do it. */
int scram_open(void);
void scram_step(struct exchange *x, struct str message);
void scram_end(struct exchange *x);

/* --- oauth.c: OAUTHBEARER (RFC 7628) and XOAUTH2 ---------------------------------------------- */

struct bearer {
	struct str authzid; /* empty = the token says who it is */
	struct str token;
};
/* Take a message apart; what is escaped in it is undone in space, of the message's size. -1:
 * malformed. */
int oauth_parse_bearer(struct str message, char *space, struct bearer *out);
int oauth_parse_xoauth2(struct str message, struct bearer *out);
/* Is it made of what bearer tokens are made of, and not too long? */
bool oauth_token_valid(struct str token);
/* A JSON web token: what is signed, and the signature's bytes in space. -1: it is not one. */
int oauth_parse_token(
    struct str token, char space[TOKEN_SIGNATURE_MAX], struct str *text, struct str *signature);
/* What clients are told whose token is refused; from the settings. */
void oauth_load(const struct conf *c);
void oauthbearer_step(struct exchange *x, struct str message);
void xoauth2_step(struct exchange *x, struct str message);

/* --- external.c ------------------------------------------------------------------------------ */

void external_step(struct exchange *x, struct str message);

#endif
