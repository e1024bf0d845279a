/*
 * Questions about accounts. services/auth owns them; sasl asks it, lookup mirrors what it needs;
 * what it grants stands in grant.h.
 */
#ifndef PROTO_AUTH_H
#define PROTO_AUTH_H

#include "proto/grant.h"

enum { PASSWORD_MAX = 1024, AUTH_SERVICE_MAX = 16 /* "imap" */ };

/* Where mailbox uids of their own come from; each is given once and never again. */
enum { ACCOUNT_UID_MIN = 1879048192, ACCOUNT_UID_MAX = 2147483646 };

enum { SASL_NAME_MAX = 20 }; /* of a mechanism, RFC 4422 3.1 */

/* Who wants to log in, from where: the first part of each question about a login. */
struct auth_who {
	uint64_t trace;
	struct str service; /* "imap", "smtp" */
	struct str client; /* numeric address */
	struct str mechanism; /* for the log */
	uint16_t instance; /* of the login process that a session's grant is bound to */
	struct str login; /* as it was said */
};

/*
 * AUTH_CHECK (request, sasl -> auth): is that the password? On success, and if the service has
 * sessions, auth has sent spawn a grant for the nonce that it answers, bound to that login process.
 */
struct auth_check {
	struct auth_who who;
	struct str password;
};
enum auth_verdict { AUTH_OK, AUTH_REFUSED, AUTH_LATER };
struct auth_answer {
	uint8_t verdict;
	struct str address; /* canonical, when OK */
	uint8_t nonce[NONCE_BYTES];
};
void put_auth_check(struct put *w, const struct auth_check *c);
int get_auth_check(struct get *g, struct auth_check *c);
void put_auth_answer(struct put *w, const struct auth_answer *a);
int get_auth_answer(struct get *g, struct auth_answer *a);

/*
 * AUTH_ACCOUNT (request, lookup -> auth): {str address} -> {bool found, account}.
 * AUTH_CHANGED (notice, auth -> lookup): {str address}: forget what you know of it. On one channel,
 * so it never arrives after a newer answer.
 */

/* AUTH_CTL_ADD, AUTH_CTL_PASSWD, AUTH_CTL_DELETE (control.h): what the owner of the suite asks of
 * auth. */
struct account_change {
	struct str address;
	struct str password; /* in clear, or "{CRYPT}" and a hash; not for DELETE */
	uint64_t quota; /* ADD alone */
};
void put_account_change(struct put *w, const struct account_change *c);
int get_account_change(struct get *g, struct account_change *c);

#endif
