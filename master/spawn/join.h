/*
 * Where a grant of auth and a connection of login find each other. Pure: time is an argument, the
 * tables are of fixed size.
 *
 * A nonce is good for one grant and one handover, in either order, within GRANT_SECONDS, and only
 * for the login process that auth has named. A spent nonce is remembered until then, so that a
 * repeated one is told from one that is early.
 */
#ifndef SPAWN_JOIN_H
#define SPAWN_JOIN_H

#include "proto/grant.h"

/* No login process gets more than half of what there is to wait in: one that was taken over must not
 * be able to keep the others' users out. */
enum {
	JOIN_GRANTS = 512,
	JOIN_HANDOVERS = 256,
	JOIN_SPENT = 4096,
	JOIN_GRANTS_EACH = JOIN_GRANTS / 2,
	JOIN_HANDOVERS_EACH = JOIN_HANDOVERS / 2,
};

enum join_result {
	JOIN_WAIT, /* kept until the other half comes, or its time is over */
	JOIN_PAIR, /* *out holds both halves */
	JOIN_REPEATED, /* that nonce is known already */
	JOIN_FOREIGN, /* the handover is not from the process that the grant names */
	JOIN_FULL,
};

/* A handover and where its answer goes. */
struct arrival {
	struct handover handover;
	unsigned instance; /* of the login process */
	uint32_t id, gen; /* of its request */
	int fd; /* the client */
};

/* Both halves; the strings live until the next call, those of a handover that had to wait in
 * memory. */
struct pair {
	struct grant grant;
	struct arrival arrival; /* fd is the caller's now */
	void *memory; /* to free(); may be NULL */
};

struct join {
	struct grant_slot {
		uint64_t expires; /* 0 = free */
		struct grant grant;
		char text[LOGIN_MAX + HOME_MAX];
	} grants[JOIN_GRANTS];
	struct arrival_slot {
		uint64_t expires; /* 0 = free */
		struct arrival arrival;
		char *text;
	} arrivals[JOIN_HANDOVERS];
	struct spent_slot {
		uint64_t expires;
		uint8_t nonce[NONCE_BYTES];
	} spent[JOIN_SPENT]; /* a ring; a nonce that it has lost is early, and waits in vain */
	unsigned next_spent;
	unsigned waiting; /* grants and handovers */
};

/*
 * One half has come at time `now` (ms). Strings are copied when it has to wait. A JOIN_FOREIGN of
 * join_grant() leaves the handover to be refused in *out. join_arrival() takes a->fd for JOIN_WAIT
 * and puts it into *out for JOIN_PAIR; else it stays the caller's.
 */
enum join_result join_grant(struct join *j, uint64_t now, const struct grant *g, struct pair *out);
enum join_result join_arrival(
    struct join *j, uint64_t now, const struct arrival *a, struct pair *out);

/* That account may not log in any more as it did: its grants are as if they had been used. */
void join_revoke(struct join *j, uint64_t now, struct str home);

/*
 * Takes out one half whose time is over: 1 = a handover is in *out and is to be refused, 2 = a
 * grant that nobody came for is in *out, 0 = nothing (more) is due.
 */
int join_expired(struct join *j, uint64_t now, struct pair *out);

/* That login process is gone: takes out one of its handovers; false when there is none (more). */
bool join_orphan(struct join *j, unsigned instance, struct pair *out);

#endif
