/*
 * What the parts of services/auth share: settings, the answers to sasl and lookup (check.c), the
 * control socket (control.c).
 */
#ifndef AUTH_SERVICE_H
#define AUTH_SERVICE_H

#include "accounts.h"
#include "base/chan.h"

/* The settings in force. */
struct auth_settings {
	struct str scheme; /* of new hashes */
	unsigned long cost;
	struct str default_domain;
	struct account_owner owner; /* of new mailboxes */
	uint32_t admin; /* the uid, besides 0, that may change accounts */
	uint32_t per_minute; /* failed tries of one login from one network */
};
const struct auth_settings *auth_settings(void);

/* --- check.c --------------------------------------------------------------------------------- */

/* Before the first question: the random secret of the penalties. -1 with errno. */
int check_open(void);
/* Settings have changed: what unknown logins are compared with is made anew. -1 with errno. */
int check_reload(void);
int on_auth_check(struct chan *c, struct ipc_msg *m);
/* That process is gone: nobody waits for its answers. */
void check_asker_down(struct chan *c);
int on_auth_account(struct chan *c, struct ipc_msg *m);

/* --- control.c ------------------------------------------------------------------------------- */

/* Serves the control socket (which stays the caller's). */
void control_start(int listener);
/* Takes no new connection and no new change; *idle is called once none is under way. */
void control_drain(void (*idle)(void));

#endif
