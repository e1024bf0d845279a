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
enum {
	APP_NAME_MAX = 64,
	SENDERS_TEXT_MAX = 2048, /* addresses that an account may send as, separated by blanks */
	TARGETS_TEXT_MAX = 4096, /* addresses that an alias leads to, the same */
};

/* What an account may not, or may besides. */
enum {
	ACCOUNT_DISABLED = 1 << 0,
	ACCOUNT_NO_SMTP = 1 << 1, /* it may not submit mail */
	ACCOUNT_NO_IMAP = 1 << 2,
	ACCOUNT_CERTIFICATE =
	    1 << 3, /* it may log in by a client certificate, without a password */
	ACCOUNT_MAKING = 1 << 4, /* format 1: its home was not known to exist */
	ACCOUNT_FLAGS = ACCOUNT_DISABLED | ACCOUNT_NO_SMTP | ACCOUNT_NO_IMAP | ACCOUNT_CERTIFICATE,
};
enum { DOMAIN_SCRAM = 1 << 0, DOMAIN_FLAGS = DOMAIN_SCRAM };
/* What an app password is good for. */
enum { SCOPE_SMTP = 1 << 0, SCOPE_IMAP = 1 << 1, SCOPES = SCOPE_SMTP | SCOPE_IMAP };

enum scram_hash { SCRAM_SHA_256, SCRAM_SHA_1, SCRAM_HASHES };
enum {
	SCRAM_HASH_MAX = 32, /* bytes of the longest hash */
	SCRAM_SALT_BYTES = 16,
	SCRAM_MESSAGE_MAX = 4096, /* an AuthMessage, RFC 5802 3 */
};

/* Who wants to log in, from where: the first part of each question about a login. */
struct auth_who {
	uint64_t trace;
	struct str service; /* "imap", "smtp", "imap-elsewhere" */
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
 * AUTH_SALT (request, sasl -> auth): with what salt and how often has the login hashed its
 * password? Those of a login that is unknown, or has no keys, are invented, and always the same.
 * AUTH_PROOF (request, sasl -> auth): has the client proved that it knows the password? auth
 * computes it anew from the AuthMessage and the ClientProof.
 */
struct auth_salt_answer {
	uint8_t verdict; /* OK or LATER */
	struct str salt; /* SCRAM_SALT_BYTES */
	uint32_t iterations;
};
void put_auth_salt(struct put *w, const struct auth_who *who);
int get_auth_salt(struct get *g, struct auth_who *who);
void put_auth_salt_answer(struct put *w, const struct auth_salt_answer *a);
int get_auth_salt_answer(struct get *g, struct auth_salt_answer *a);

struct auth_proof {
	struct auth_who who;
	uint8_t hash; /* enum scram_hash */
	struct str message, proof;
};
struct auth_proof_answer {
	struct auth_answer answer;
	struct str signature; /* ServerSignature, when OK */
};
void put_auth_proof(struct put *w, const struct auth_proof *p);
int get_auth_proof(struct get *g, struct auth_proof *p);
void put_auth_proof_answer(struct put *w, const struct auth_proof_answer *a);
int get_auth_proof_answer(struct get *g, struct auth_proof_answer *a);

/*
 * AUTH_TOKEN (request, sasl -> auth): a bearer token (RFC 6750 2.1). Of a JSON web token (RFC 7519)
 * in its compact form also what of it is signed, and the signature's bytes: auth reads nothing of it
 * before one of its keys has verified it, or who issued it has been asked. AUTH_CERTIFICATE (request, sasl -> auth): the server's TLS has verified a
 * certificate of that name. The one thing that auth takes on trust, so only for accounts that are
 * marked for it. In both who.login may be empty: then the proof says who it is. Both are answered
 * by a struct auth_answer.
 */
enum { TOKEN_MAX = 8 * 1024, TOKEN_SIGNATURE_MAX = 1024 };
struct auth_token {
	struct auth_who who;
	struct str token; /* of characters that oauth.c lets through */
	struct str text, signature; /* of a JSON web token: its beginning; else empty */
};
void put_auth_token(struct put *w, const struct auth_token *t);
int get_auth_token(struct get *g, struct auth_token *t);
struct auth_certificate {
	struct auth_who who;
	struct str name;
};
void put_auth_certificate(struct put *w, const struct auth_certificate *c);
int get_auth_certificate(struct get *g, struct auth_certificate *c);

/*
 * AUTH_ACCOUNT (request, lookup -> auth): {str address} -> {bool found, account or alias}.
 * AUTH_CHANGED (notice, auth -> lookup): {str address}: forget what you know of it. On one channel,
 * so it never arrives after a newer answer.
 */
void put_address(struct put *w, const struct account *a); /* NULL: there is none */
int get_address(struct get *g, bool *found, struct account *a); /* borrows from the packet */

/*
 * A change that the owner of the suite asks of auth. The type of the request is what is to be done;
 * each looks at the fields that it names. On success there may be a record: what has come of it.
 *
 *	AUTH_CTL_ADD		address, password, and what AUTH_CTL_SET sets
 *	AUTH_CTL_PASSWD		address, password
 *	AUTH_CTL_SET		address, set, flags, quota, per_hour, per_day, text (senders)
 *	AUTH_CTL_DELETE, AUTH_CTL_UNDELETE	address
 *	AUTH_CTL_APP_ADD	address, name, scopes, expires -> {"password": ...}
 *	AUTH_CTL_APP_DELETE	address, name
 *	AUTH_CTL_DOMAIN		address (a domain), set, flags
 *	AUTH_CTL_ALIAS		address, text (targets; empty = there is to be none)
 *	AUTH_CTL_UNDO		number
 */
enum {
	CHANGE_QUOTA = 1 << 0,
	CHANGE_PER_HOUR = 1 << 1,
	CHANGE_PER_DAY = 1 << 2,
	CHANGE_SENDERS = 1 << 3,
	CHANGE_FIELDS = CHANGE_QUOTA | CHANGE_PER_HOUR | CHANGE_PER_DAY | CHANGE_SENDERS
};
struct account_change {
	struct str address;
	struct str password; /* in clear, or "{CRYPT}" and a hash */
	uint32_t fields; /* CHANGE_*: which of those below */
	uint32_t flags, no_flags; /* ACCOUNT_* or DOMAIN_* to set and to clear */
	uint64_t quota;
	uint32_t per_hour, per_day;
	struct str text;
	struct str name;
	uint8_t scopes;
	int64_t expires; /* seconds since 1970, 0 = never */
	uint32_t number;
	bool dry; /* only say whether it could be done */
};
void put_account_change(struct put *w, const struct account_change *c);
int get_account_change(struct get *g, struct account_change *c);

/*
 * What there is, each a record of JSON; `key` empty = all.
 *	AUTH_CTL_LIST		what: accounts deleted domains aliases changes; key: address, or
 *				number before which changes are listed; secrets: hashes too (export)
 */
struct account_listing {
	struct str what, key;
	bool secrets;
};
void put_account_listing(struct put *w, const struct account_listing *l);
int get_account_listing(struct get *g, struct account_listing *l);

#endif
