/*
 * One message on its way in, from MAIL to the end of its data. Made by MAIL, destroyed whole by
 * RSET, HELO, the end of data, and the end of the session; nothing of it survives.
 */
#ifndef SMTPD_TRANSACTION_H
#define SMTPD_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "authors.h"
#include "bodies.h"
#include "limits.h"
#include "mail/dots.h"
#include "mail/edit.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/status.h"
#include "marks.h"

/* What to make of the content, and what to say about it. */
struct content_rules {
	bool normalise; /* repair line ends */
	bool add_missing; /* Date, Message-ID, From */
	bool read_authors; /* and Sender; there is a login */
	uint64_t size_limit;
	unsigned hops;
	const char *hostname;
};

struct content {
	struct content_rules rules;
	struct dots_in dots;
	struct header_scan scan;
	struct header_facts facts;
	bool body; /* the header has ended */
	bool ended; /* so has the message */
	uint64_t received; /* bytes that came in */
	uint64_t written; /* bytes of content, unstuffed, even when they were thrown away */
	struct status fault; /* code 0 = none: why the message will be refused at its end */
	struct buf held; /* the trace field until content comes; what did not fit into a memfd */
	struct authors authors; /* if they are read */
	struct marks marks;
	bool note_id, note_tls; /* the field at hand is the one */
	char tls_required[4]; /* value of TLS-Required, without blanks; longer ones mean nothing */
	size_t tls_required_n;
	size_t message_id_n;
	char message_id[LIMIT_MESSAGE_ID];
};

struct transaction {
	struct arena arena;
	struct envelope envelope;
	struct edit *edits; /* what rules prepend */
	uint32_t nedits;
	uint32_t outgoing; /* recipients at other hosts */
	uint32_t per_hour, per_day; /* of those the login may have so many; 0 = as others */
	struct str charged; /* who has these limits, if it is not the login itself */
	size_t edit_bytes;
	uint32_t rcpt_room; /* size of envelope.rcpts */
	uint64_t *rcpt_hashes; /* of each recipient, to find a repeated one */
	uint64_t size; /* SIZE of MAIL, 0 = not given */
	struct body *body;
	struct content *content; /* from DATA or the first BDAT on */
	unsigned chunks;
	/* the recipient that is being asked about */
	struct envelope_rcpt asked;
	char asked_addr[ADDRESS_MAX + 1], asked_orcpt[ORCPT_MAX + 1];
};

struct transaction *transaction_new(void);
void transaction_free(struct transaction *t); /* NULL is fine; an uncommitted body goes back */

bool transaction_has(const struct transaction *t, struct str addr);
/*
 * What a rule wants of the message. ACTION_TOO_MUCH: the message has too many such already; then
 * nothing has changed, and the recipient must come with a message of its own.
 */
enum action_outcome { ACTION_TAKEN, ACTION_KNOWN, ACTION_TOO_MUCH };
enum action_outcome transaction_act(struct transaction *t, const struct action *a);
/* Keeps t->asked as a recipient. */
void transaction_add(struct transaction *t);

#endif
