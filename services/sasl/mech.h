/*
 * The mechanisms: what a client says, and what it is asked next. One row each; which of them are
 * offered is a setting, and where is said in proto/sasl.c.
 */
#ifndef SASL_MECH_H
#define SASL_MECH_H

#include "exchange.h"

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

#endif
