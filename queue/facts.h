/*
 * What can be said of a message in a list, a query or a count, wherever it is known from: a message
 * in memory, its file, or what is kept in memory of one that waits (brief.h). All strings are
 * borrowed.
 */
#ifndef QUEUE_FACTS_H
#define QUEUE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ipc.h"
#include "base/str.h"
#include "mail/action.h"
#include "mail/status.h"

/* Where a message of the spool is. */
enum entry_state {
	ENTRY_INCOMING, /* its file is being written: not accepted yet */
	ENTRY_READY, /* due, waits for its turn to be loaded */
	ENTRY_ACTIVE, /* has a struct message */
	ENTRY_DEFERRED, /* in the wheel */
	ENTRY_HELD,
	ENTRY_TRASH, /* deleted, but not gone */
	ENTRY_STATES
};

/* A recipient that is still to be delivered, or whose failure is still to be reported. */
struct facts_rcpt {
	uint32_t target; /* its number (message.h); 0 where only a brief is known */
	struct str addr;
	struct str given; /* the address it came from; empty = the same */
	struct str relay;
	struct str status; /* of the last attempt, "451 4.4.1 no answer"; empty = none */
	uint16_t attempts;
	uint8_t state; /* enum slot_state */
};

struct facts {
	uint64_t id;
	uint8_t state; /* enum entry_state */
	int64_t trashed; /* in the trash since then; 0 = it is not */
	int64_t
	    next; /* next try, or the end of its time in the trash, seconds since 1970; 0 = none */
	uint64_t size; /* bytes of the file */

	bool known; /* what follows is */
	bool whole; /* and nothing of it has been left out or cut */
	uint64_t trace, parent;
	uint64_t body_size;
	int64_t arrival; /* seconds since 1970 */
	int64_t release;
	uint8_t lane; /* enum lane */
	uint8_t tls; /* enum tls_demand; TLS_BY_POLICY also where only a brief is known */
	struct str lane_rule; /* empty: none, or it is not known */
	struct str sender, login, client;
	const struct action *actions;
	uint32_t nactions;
	uint32_t left; /* recipients */
	const struct facts_rcpt *rcpts; /* those that are known */
	uint32_t nrcpts;
};

/* The three parts of facts_rcpt.status. */
struct facts_status {
	unsigned code;
	struct str dsn, text;
};
struct facts_status facts_status(struct str s);
/* The reverse, into out. */
enum { FACTS_STATUS_MAX = STATUS_TEXT_MAX + STATUS_ENHANCED_MAX + 8 };
struct str facts_status_text(const struct status *st, char out[FACTS_STATUS_MAX]);

/* Behind the last @; empty if there is none. */
struct str facts_domain(struct str address);

#endif
