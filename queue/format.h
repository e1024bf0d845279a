/*
 * The spool file: one message, or the result of an expansion, with everything that is needed to
 * deliver it. thurn-spool(5) is the reference. Pure encoding and decoding over a descriptor; directories
 * and names are spool.h's.
 *
 *	header 512 bytes | body | records | padding | state slots | trailer 64 bytes
 *
 * Two witnesses say that a message was accepted: the sealed mark in the header and the trailer with
 * a hash over everything but the slots. Both = accepted, neither = an unfinished reception, one =
 * damage.
 */
#ifndef QUEUE_FORMAT_H
#define QUEUE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mail/edit.h"
#include "mail/envelope.h"
#include "mail/status.h"
#include "proto/deliver.h"
#include "proto/lookup.h"

enum {
	SPOOL_VERSION = 1,
	SPOOL_HEADER = 512, /* one sector: written whole or not at all */
	SPOOL_TRAILER = 64,
	SPOOL_RECORDS_MAX = 64 * 1024 * 1024,
	SPOOL_SLOTS_MAX = 1000000, /* targets of one expansion */
};

enum spool_kind { SPOOL_MESSAGE, SPOOL_EXPANSION };

/* flags */
enum {
	SPOOL_REPORT = 1, /* made here: a bounce, a delay warning, a success report */
	SPOOL_DOUBLE = 2, /* tells postmaster of a report that could not be delivered */
};

/* Everything about where things are in the file. */
struct spool_layout {
	uint64_t id;
	uint8_t kind;
	uint32_t flags;
	int64_t arrival; /* microseconds since 1970 */
	uint64_t
	    parent; /* the message that a report is about, that an expansion belongs to; or 0 */
	uint64_t body_size;
	uint64_t records_offset, records_size;
	uint64_t slots_offset;
	uint32_t slots, slot_size;
	uint64_t trailer_offset;
	bool sealed;
};

enum slot_state {
	SLOT_PENDING = 1,
	SLOT_DISPATCHED, /* a worker has it; found in the file: may have been delivered */
	SLOT_DONE,
	SLOT_FAILED, /* for good, but its bounce may not exist yet */
	SLOT_BOUNCED, /* for good, and the sender has been told or does not want to be */
};

enum {
	SLOT_WARNED = 1, /* a delay warning was sent */
	SLOT_REPORTED = 2, /* a success report was sent */
	SLOT_FLAGS = 3,
	SLOT_FAULT_SHIFT = 4, /* above the flags, in the same byte */
};

/* The mutable state of one recipient, written in place. */
struct slot {
	uint32_t generation;
	uint8_t state; /* enum slot_state */
	uint8_t flags;
	uint8_t fault; /* of the last attempt: enum deliver_fault */
	uint16_t attempts;
	uint16_t
	    early; /* minutes from arrival to its first attempt when that came before its sender
			   wanted it sent (FUTURERELEASE); 0 = it did not */
	int64_t changed; /* seconds since 1970 */
	struct str relay; /* borrowed; cut to fit */
	struct status status; /* of the last attempt; code 0 = none yet */
};

/* One target of an expansion. */
struct spool_target {
	uint32_t rcpt; /* slot of the recipient in the message itself */
	struct route route;
};

/* What the records of a file say. */
struct spool_content {
	struct envelope envelope;
	uint8_t lane; /* enum lane, as the rule of lane_maps wants it */
	struct str lane_rule; /* empty = there was none: it follows from what the message is */
	struct edit *edits;
	uint32_t nedits;
	struct spool_target *targets; /* of an expansion */
	uint32_t ntargets;
};

/* Loads what the hash needs; to be called before confinement (it reads files). */
void format_init(void);

/* Bytes of one slot for that many recipients: the more there are, the less text each can keep. */
uint32_t slot_size_for(uint32_t slots);
/* The slot's bytes into out (size bytes). id, part and index are covered by its checksum. */
void slot_encode(
    const struct slot *s, uint64_t id, uint8_t kind, uint32_t index, uint8_t *out, uint32_t size);
/* relay borrows from in. 0, or -1 when the checksum or a value is wrong. */
int slot_decode(
    struct slot *s, uint64_t id, uint8_t kind, uint32_t index, const uint8_t *in, uint32_t size);

/* Appends the records. -1 when b is full. */
int records_encode(struct buf *b, const struct spool_content *c);
/* Strings are copied into a. -1 when malformed, or not as many recipients (targets) as slots. */
int records_decode(
    struct str bytes, struct arena *a, const struct spool_layout *l, struct spool_content *c);

/* Computes all offsets from kind, body_size, records_size and slots. */
void layout_fill(struct spool_layout *l);
void header_encode(const struct spool_layout *l, uint8_t out[SPOOL_HEADER]);

enum spool_state {
	SPOOL_GOOD, /* both witnesses, or the trailer alone, and the hash is right */
	SPOOL_UNFINISHED, /* neither: nobody was told that it was accepted */
	SPOOL_DAMAGED,
	SPOOL_UNREADABLE, /* errno: the disk does not answer, try again later */
};
/* Header only: what it says, whether it is whole and sealed. */
enum spool_state header_decode(const uint8_t in[SPOOL_HEADER], struct spool_layout *l);

/*
 * What is left of a file: reads the header, and when it is sealed also hashes all the rest (verify)
 * or only looks at the trailer. SPOOL_GOOD fills l. why (never NULL) points to a literal that says
 * what is wrong.
 */
enum spool_state spool_check(int fd, bool verify, struct spool_layout *l, const char **why);

/* Reads records (into a) and slots (a's array of l->slots). As spool_check. */
enum spool_state spool_read(int fd, const struct spool_layout *l, struct arena *a,
    struct spool_content *c, struct slot **slots, const char **why);

/*
 * Writes everything behind the body, the trailer and the sealed header. The body is either in fd
 * already (body = NULL; it is read back and hashed) or is written from memory. records and slots
 * are encoded; l is filled. Does not sync. 0, or -1 with errno.
 */
int spool_write(
    int fd, struct spool_layout *l, const void *body, struct str records, const uint8_t *slots);
/* The header of a file whose body is still to come. 0, or -1 with errno. */
int spool_begin(int fd, uint64_t id);
/* One slot in place, not synced. 0, or -1 with errno. */
int spool_put_slot(int fd, const struct spool_layout *l, uint32_t index, const struct slot *s);

#endif
