/*
 * Accounts and grants. services/auth owns the accounts; sasl asks it, lookup mirrors what it needs,
 * spawn acts on grants.
 */
#ifndef PROTO_AUTH_H
#define PROTO_AUTH_H

#include "base/ipc.h"
#include "mail/envelope.h"
#include "mail/status.h"
#include "proto/lookup.h"

enum { LOGIN_MAX = 320, PASSWORD_MAX = 1024, NONCE_BYTES = 16, GRANT_SECONDS = 10 };

/* Where mailbox uids of their own come from; each is given once and never again. */
enum { ACCOUNT_UID_MIN = 1879048192, ACCOUNT_UID_MAX = 2147483646 };

enum { CLIENT_MAX = 64, AUTH_SERVICE_MAX = 16 }; /* numeric address; "imap" */
enum { SASL_NAME_MAX = 20 }; /* of a mechanism, RFC 4422 3.1 */

/* An account without its secrets. */
struct account {
	struct str address; /* lower case, also the login name */
	struct str home;    /* below the mail directory */
	uint32_t uid, gid;
	uint64_t quota;     /* bytes, 0 = none */
	bool enabled;
};
void put_account(struct put *w, const struct account *a);
int get_account(struct get *g, struct account *a); /* borrows from the packet */

/* Who wants to log in, from where: the first part of each question about a login. */
struct auth_who {
	uint64_t trace;
	struct str service;   /* "imap", "smtp" */
	struct str client;    /* numeric address */
	struct str mechanism; /* for the log */
	uint16_t instance;    /* of the login process that a session's grant is bound to */
	struct str login;     /* as it was said */
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

void put_nonce(struct put *w, const uint8_t nonce[NONCE_BYTES]);
void get_nonce(struct get *g, uint8_t nonce[NONCE_BYTES]);

/*
 * AUTH_ACCOUNT (request, lookup -> auth): {str address} -> {bool found, account}.
 * AUTH_CHANGED (notice, auth -> lookup): {str address}: forget what you know of it. On one channel,
 * so it never arrives after a newer answer.
 */

/*
 * SPAWN_GRANT (notice, auth -> spawn): {nonce, u16 login instance, u64 trace, account}.
 * SPAWN_HOME (request, auth -> spawn): {account}: make the home with a Maildir in it -> {status}.
 * SPAWN_HANDOVER (request, login -> spawn): struct handover + the client's descriptor -> {status}.
 * Either order; each nonce once, within GRANT_SECONDS, and only from the instance in the grant.
 */
struct grant {
	uint8_t nonce[NONCE_BYTES];
	uint16_t login_instance;
	uint64_t trace;
	struct account account;
};
void put_grant(struct put *w, const struct grant *g);
int get_grant(struct get *g, struct grant *out);

struct handover {
	uint8_t nonce[NONCE_BYTES];
	uint64_t trace;
	struct str client; /* numeric address, for the log */
	struct str tag;    /* of the command that logged in: the session answers it */
	struct str input;  /* what the client has sent behind it */
	bool secure;       /* the client's side is encrypted (or is loopback) */
};
enum { HANDOVER_INPUT_MAX = 32 * 1024, IMAP_TAG_MAX = 64 };
void put_handover(struct put *w, const struct handover *h);
int get_handover(struct get *g, struct handover *h);

/*
 * What spawn tells a session: the boot.extra of ROLE_SESSION. Its descriptors come as BOOT_FD "client"
 * (the connection) and "home" (the account's directory, path "."; as root it is the root as well), its
 * peers as usual. The session answers the tagged OK and then reads `input` before the connection.
 */
struct session_start {
	uint64_t trace;
	struct account account;
	struct str client; /* numeric address */
	struct str tag;
	struct str input;
	bool secure;
};
void put_session_start(struct put *w, const struct session_start *s);
int get_session_start(struct get *g, struct session_start *s);

/* AUTH_CTL_ADD, AUTH_CTL_PASSWD, AUTH_CTL_DELETE (control.h): what the owner of the suite asks of auth. */
struct account_change {
	struct str address;
	struct str password; /* in clear, or "{CRYPT}" and a hash; not for DELETE */
	uint64_t quota;      /* ADD alone */
};
void put_account_change(struct put *w, const struct account_change *c);
int get_account_change(struct get *g, struct account_change *c);

#endif
