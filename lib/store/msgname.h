/*
 * Names of message files: "unique,S=123,W=130,U=5:2,FS", see thurn-store(5). The part before the first
 * comma never changes; the fields say on-disk bytes, bytes with CRLF, UID; R=1 marks a message
 * that is served as it is stored; K holds keywords beyond the letters; the flags stand behind
 * ":2,". Pure code; the names are anybody's.
 */
#ifndef STORE_MSGNAME_H
#define STORE_MSGNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
	MSGNAME_MAX = 255, /* NAME_MAX */
	MSGNAME_BASE = 120, /* a longer first part is replaced when a file is adopted */
	MSGNAME_LETTERS = 26,
};

struct msgname {
	struct str base; /* borrowed from the parsed name */
	bool has_size, has_wire, has_uid;
	uint32_t size, wire, uid;
	uint32_t flags; /* enum of store.h: SEEN ... PASSED, RAW */
	uint64_t keywords;
};

/* 0, or -1 for what cannot be a message (hidden, empty, too long). Odd fields are left out. */
int msgname_parse(struct str name, struct msgname *m);

/* Writes the full name of m (all fields, whatever the has_ say) with a NUL; returns its length. */
size_t msgname_format(const struct msgname *m, char out[MSGNAME_MAX + 1]);

/* A new first part, "seconds.random.thurn", with a NUL. */
enum { MSGNAME_NEW = 48 };
void msgname_unique(char out[MSGNAME_NEW]);

#endif
