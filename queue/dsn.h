/*
 * The text of a report on delivery: multipart/report with what happened in words, the same for
 * machines (RFC 3464), and the message or its header. Pure: everything it says comes as an
 * argument.
 */
#ifndef QUEUE_DSN_H
#define QUEUE_DSN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "mail/status.h"
#include "words.h"

enum dsn_kind { DSN_FAILURE, DSN_DELAY, DSN_SUCCESS }; /* as enum words_kind */

/* How a recipient of a success report was served (RFC 3464 2.3.3). */
enum dsn_action { DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_rcpt {
	struct str addr; /* as the sender wrote it: where an alias leads is nobody's business */
	struct str orcpt; /* "rfc822;user@example.org" or empty */
	struct str relay; /* "mx.example.org[192.0.2.1]:25" or empty */
	struct status status;
	bool hidden; /* it leads elsewhere: what is said there may name that place */
	int64_t last; /* seconds; of the last attempt, 0 = none */
	uint8_t action; /* enum dsn_action, for DSN_SUCCESS */
};

struct dsn {
	uint8_t kind;
	const struct words *words; /* the language */
	bool postmaster; /* it tells postmaster that a report could not be delivered */
	struct str host; /* who reports */
	uint64_t id; /* of the report itself */
	uint64_t about; /* queue id of the message */
	struct str to; /* whom it goes to */
	struct str envid;
	int64_t now, arrival;
	int64_t release; /* FUTURERELEASE of the message, seconds; 0 = none */
	uint32_t hold_for; /* how it was asked for: so many seconds, or 0 = until then */
	int64_t until; /* DSN_DELAY: when it will be given up */
	bool utf8; /* the message needs SMTPUTF8: RFC 6533 forms */
	const struct dsn_rcpt *rcpts;
	uint32_t nrcpts;
	struct str message; /* the message, or its beginning */
	bool whole; /* message is all of it, and shall be returned; else only its header is */
};

/* Appends the report, CRLF line ends. -1 when b is full. *eightbit: it has bytes above 127. */
int dsn_write(struct buf *b, const struct dsn *d, bool *eightbit);

/*
 * The id of a report: the same question always has the same id, so that a report begun before a
 * crash is found again. keys are the slots it is about, as part << 32 | slot, in order.
 */
uint64_t dsn_id(uint64_t about, uint8_t kind, struct str to, const uint64_t *keys, uint32_t n);

#endif
