/*
 * What servers say that they can do and cannot: known by the queue, which keeps it, and by the workers of
 * deliver/remote, which find some of it out.
 *
 * DELIVER_QUIRK (both directions, no answer): struct quirk. From a worker: it has found that out; from
 *	the queue: that holds now, or (on false) holds no more.
 */
#ifndef PROTO_QUIRK_H
#define PROTO_QUIRK_H

#include "base/ipc.h"

enum quirk_kind {
	QUIRK_PIPELINING, /* commands that come together get lost */
	QUIRK_CHUNKING, /* BDAT is refused */
	QUIRK_STARTTLS, /* handshakes fail: plain text where that may be */
	QUIRK_8BITMIME, /* from here on: only by hand */
	QUIRK_SMTPUTF8,
	QUIRK_SIZE,
	QUIRK_DSN,
	QUIRK_KINDS
};
const char *quirk_name(uint8_t kind); /* "pipelining" */
int quirk_kind(struct str name); /* -1 when there is none of that name */

enum { QUIRK_HOST_MAX = 255, QUIRK_REASON_MAX = 200, QUIRKS_MAX = 2000 };

struct quirk {
	struct str host; /* a name, or an address as text; in lower case */
	uint8_t kind;
	bool on;
	struct str reason;
};
void put_quirk(struct put *w, const struct quirk *q);
int get_quirk(struct get *g, struct quirk *q); /* borrows from the packet */

/* A host that could be one: printable, without blanks. */
bool quirk_host_valid(struct str host);

#endif
