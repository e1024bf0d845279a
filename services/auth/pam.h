/*
 * Passwords that PAM knows (services/pam): several processes, each with one question at a time, and
 * a few that wait. Accounts of pam_domains have theirs there.
 */
#ifndef AUTH_PAM_H
#define AUTH_PAM_H

#include "accounts.h"
#include "base/chan.h"
#include "base/log.h"
#include "proto/auth.h"

/* Reads pam_workers, pam_domains, pam_user. */
struct conf;
void pam_load(const struct conf *c);
/* Is that account's password with PAM? */
bool pam_has(const struct account_record *r);
/*
 * Asks. -1: they are all busy, or there are none. Else answered() gets the verdict, later, once;
 * AUTH_LATER also when it takes too long.
 */
struct pam_ask {
	struct ask ask;
	unsigned slot; /* of the process that is asked */
	void (*answered)(struct pam_ask *p, enum auth_verdict v);
};
int pam_check(struct pam_ask *p, const struct account_record *r, struct str client,
    struct str password, const struct tag *tag);

#endif
