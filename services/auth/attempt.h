/*
 * Somebody tries to log in: what all ways of it share. A try is charged before it is looked at, the
 * answer to one that failed has one shape, and only here a session is granted.
 *
 * "user*master" is `user`'s account by the password of `master`, where master is one of
 * auth_master_users.
 */
#ifndef AUTH_ATTEMPT_H
#define AUTH_ATTEMPT_H

#include <sys/queue.h>

#include "accounts.h"
#include "base/chan.h"
#include "base/log.h"

struct attempt {
	struct chan *asker; /* NULL once it is gone */
	struct chan_ref ref;
	uint16_t type; /* of the question */
	struct tag tag;
	char service[AUTH_SERVICE_MAX + 1], client[CLIENT_MAX + 1], mechanism[SASL_NAME_MAX + 1];
	uint16_t instance;
	char name[LOGIN_MAX + 1]; /* whose account it is; canonical, or as it was said */
	char prover[LOGIN_MAX + 1]; /* whose secret is to prove it: the same, or a master's */
	bool charged; /* as a guess */
	LIST_ENTRY(attempt) next;
};

/* Before the first question. -1 with errno. */
int attempt_open(void);
/* Settings have changed. */
void attempt_reload(void);
/* Remembers from where accounts have been used; before the end, and now and then. */
void attempt_save(void);
/* That process is gone: nobody waits for its answers. */
void attempt_asker_down(struct chan *c);

/* Fills it in (zeroed before), and keeps track of it. */
void attempt_init(
    struct attempt *a, struct chan *c, const struct ipc_msg *m, const struct auth_who *who);
/* A token or a certificate has said who it is. */
void attempt_name(struct attempt *a, struct str login);
/* Takes a try; false = there is none left: it has been answered (attempt_later()). */
bool attempt_charge(struct attempt *a);
/* The same for the salt of SCRAM, which alone decides nothing. */
bool attempt_charge_salt(struct attempt *a);

/* The account that has to prove it. DB_MISSING also when it may not log in now. */
enum db_result attempt_prover(const struct attempt *a, struct account_record *out);
/* What of the service an app password must be good for; 0 = a service that has none. */
uint8_t attempt_scope(const struct attempt *a);

/*
 * The three ends: each logs and answers. signature: for AUTH_PROOF, else empty. attempt_accept()
 * looks at the account once more and may refuse. The attempt stays its owner's, who frees it.
 */
void attempt_accept(struct attempt *a, struct str signature);
void attempt_refuse(struct attempt *a, const char *why);
void attempt_later(struct attempt *a, const char *event, const char *why);
/* Forgets it, wipes size bytes from it on, and frees it: it is the first member of its owner. */
void attempt_free(struct attempt *a, size_t size);

#endif
