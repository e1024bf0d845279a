/*
 * How much each login sends: recipients at other hosts in the hour and the day that are under way,
 * whichever process took the message. Pure code: time (seconds since 1970) is an argument.
 *
 * A period begins with the first recipient after the last one has ended.
 */
#ifndef QUEUE_LOGINS_H
#define QUEUE_LOGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "mail/status.h"

enum { LOGINS_MAX = 100000 /* that are counted at once */ };

enum login_period { LOGIN_HOUR, LOGIN_DAY, LOGIN_PERIODS };

struct login_limits {
	uint32_t most[LOGIN_PERIODS]; /* recipients; 0 = no limit */
	uint32_t
	    notice; /* percent of a limit at which its owner is told, once a period; 0 = never */
};

struct login_count {
	int64_t until; /* when the period ends */
	uint32_t n;
	bool noticed;
};

struct login {
	struct str name;
	struct login_count counts[LOGIN_PERIODS];
};

/*
 * Counts n recipients of that login, or none of them: -1 with the refusal, which says when it goes
 * on. *notice: a period's limit is near, and its owner has not been told; -1 = none.
 */
int logins_charge(struct str name, uint32_t n, const struct login_limits *l, int64_t now,
    int *notice, struct status *st);
/* The message was not accepted after all. */
void logins_refund(struct str name, uint32_t n, int64_t now);

/* NULL if nothing is known of it. */
const struct login *logins_find(struct str name);
/* Calls fn for each whose day is not over. */
void logins_each(int64_t now, void (*fn)(const struct login *l, void *arg), void *arg);

/* Has anything changed since the last logins_encode()? */
bool logins_changed(void);
/* Appends all that matters after now, with a checksum. -1 when b is full. */
int logins_encode(struct buf *b, int64_t now);
/* Adds what was encoded; -1, and nothing has changed, when it is not whole. */
int logins_decode(struct str s, int64_t now);
void logins_clear(void);

#endif
