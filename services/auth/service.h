/*
 * What the parts of services/auth share: settings, the questions it answers, the control socket.
 */
#ifndef AUTH_SERVICE_H
#define AUTH_SERVICE_H

#include "accounts.h"
#include "base/chan.h"
#include "proto/conf.h"

/* The settings in force. */
struct auth_settings {
	struct str scheme; /* of new hashes */
	unsigned long cost;
	uint32_t scram_iterations;
	struct str default_domain;
	struct account_owner owner; /* of new mailboxes */
	uint32_t admin; /* the uid, besides 0, that may change accounts */
	uint64_t remember; /* ms for which a right password is known again; 0 = it is not */
	uint32_t per_minute; /* failed tries of one login from one network */
};
const struct auth_settings *auth_settings(void);
/* Is that account one of auth_master_users? */
bool auth_is_master(struct str name);

/* --- questions of sasl: check.c, proof.c, token.c --------------------------------------------- */

/* Settings have changed: what unknown logins are compared with is made anew. -1 with errno. */
int check_reload(void);
int on_auth_check(struct chan *c, struct ipc_msg *m);

/* Before confinement: warms up the library, fetches the secret of salts. -1 with errno. */
int proof_open(void);
int on_auth_salt(struct chan *c, struct ipc_msg *m);
int on_auth_proof(struct chan *c, struct ipc_msg *m);

/* Reads the keys and claims out of the settings. Those that are no keys are logged. */
void token_load(const struct conf *c);
int on_auth_token(struct chan *c, struct ipc_msg *m);
const struct jwt_rules *token_rules(void);
struct attempt;
/* It is of that login; said: whose the client says it is, or "". What is wrong with that, or NULL. */
const char *token_name(struct attempt *a, const char *login, const char *said);
/* Accepts the login that a token has proved, or refuses it for that reason. */
void token_decide(struct attempt *a, const char *why);
int on_auth_certificate(struct chan *c, struct ipc_msg *m);

/* --- introspect.c ---------------------------------------------------------------------------- */

struct auth_token;
void introspect_load(const struct conf *c);
/* Is there somebody to ask about tokens? */
bool introspect_possible(void);
/* Asks, and sees to the answer. */
void introspect(struct chan *c, const struct ipc_msg *m, const struct auth_token *t);

/* --- questions of lookup: address.c ----------------------------------------------------------- */

int on_auth_account(struct chan *c, struct ipc_msg *m);
/* Something has changed under that address: lookup forgets what it knows, and so do we. */
void address_changed(const char *address);
/* The sessions of that account end. */
void sessions_end(const char *home);

/* --- control.c ------------------------------------------------------------------------------- */

/* Serves the control socket (which stays the caller's). */
void control_start(int listener);
/* Takes no new connection and no new change; *idle is called once none is under way. */
void control_drain(void (*idle)(void));

#endif
