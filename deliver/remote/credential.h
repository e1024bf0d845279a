/*
 * The login with which a job is taken to a next hop, from services/credentials. This process has those of its
 * jobs and of their connections, and overwrites each with the last of them.
 */
#ifndef REMOTE_CREDENTIAL_H
#define REMOTE_CREDENTIAL_H

#include "base/chan.h"
#include "proto/credentials.h"

struct job;

struct credential {
	unsigned refs;
	uint8_t kind; /* enum credential_kind */
	uint64_t id; /* the same = the same login; connections may be shared */
	uint64_t token; /* differs for each token of that login */
	char *user, *secret, *rule;
};

/* Asks for that of the job's next hop, whose turn it is; rejected: the token that was not taken, or 0. */
void credential_ask(struct ask *a, const struct job *j, uint64_t rejected,
    void (*done)(struct ask *a, struct ipc_msg *m), void *arg);
/* The answer: yours to release, and the message is overwritten; or NULL, and st is why. */
struct credential *credential_take(struct ipc_msg *m, struct status *st);
/* It was refused at that next hop: for a while nobody is to have it for mail there. */
void credential_refused(const struct credential *c, struct str nexthop, const struct status *st);

struct credential *credential_ref(struct credential *c);
void credential_release(struct credential *c); /* NULL is fine */

#endif
