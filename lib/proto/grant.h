/*
 * Accounts and grants: what spawn has to do with. services/auth says in a grant whose session may
 * begin, login brings the connection, and spawn starts the session. Links libc only.
 */
#ifndef PROTO_GRANT_H
#define PROTO_GRANT_H

#include "base/ipc.h"
#include "mail/status.h"

enum {
	LOGIN_MAX = 320,
	HOME_MAX = 512,
	CLIENT_MAX = 64, /* a numeric address */
	NONCE_BYTES = 16,
	GRANT_SECONDS = 10,
};

void put_nonce(struct put *w, const uint8_t nonce[NONCE_BYTES]);
void get_nonce(struct get *g, uint8_t nonce[NONCE_BYTES]);

/* An account without its secrets. */
struct account {
	struct str address; /* lower case, also the login name */
	struct str home; /* below the mail directory */
	uint32_t uid, gid;
	uint64_t quota; /* bytes, 0 = none */
	bool enabled;
	/* what lookup alone is told, by put_address() */
	bool may_submit;
	uint32_t per_hour, per_day; /* recipients that it may send to; 0 = as the settings say */
	struct str
	    senders; /* what else it may send as, separated by blanks; "@domain" is all of it */
	struct str
	    targets; /* if not empty, it is no account but an alias: where its mail goes, the same */
};
void put_account(struct put *w, const struct account *a);
int get_account(struct get *g, struct account *a); /* borrows from the packet */

/*
 * SPAWN_GRANT (notice, auth -> spawn): {nonce, u16 login instance, u64 trace, account}.
 * SPAWN_HOME (request, auth -> spawn): {account}: make the home with a Maildir in it -> {status}.
 * SPAWN_END (notice, auth -> spawn): {str home}: end the sessions of that account, and forget its grants.
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
	struct str tag; /* of the command that logged in: the session answers it */
	struct str input; /* what the client has sent behind it */
	bool secure; /* the client's side is encrypted (or is loopback) */
};
enum { HANDOVER_INPUT_MAX = 32 * 1024, IMAP_TAG_MAX = 64 };
void put_handover(struct put *w, const struct handover *h);
int get_handover(struct get *g, struct handover *h);

/*
 * What spawn tells a session: the boot.extra of ROLE_SESSION. Its descriptors come as BOOT_FD
 * "client" (the connection) and "home" (the account's directory, path "."; as root it is the root
 * as well), its peers as usual. The session answers the tagged OK and then reads `input` before the
 * connection.
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

#endif
