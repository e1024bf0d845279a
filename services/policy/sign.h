/*
 * DKIM signatures of the reports that go by mail: who gets one without has to ignore it (RFC 8460 3). The
 * keys are with services/keys, which says which there are, and signs.
 */
#ifndef POLICY_SIGN_H
#define POLICY_SIGN_H

#include "base/buf.h"
#include "base/chan.h"

enum {
	SIGN_KEYS_MAX = 4, /* with more no message is signed */
	SIGN_FIELDS = 7 * 1024, /* bytes of all signatures */
};

extern const struct chan_row sign_rows[]; /* what keys tells */
/* Before confinement. */
void sign_open(void);

/* A message that is being signed, with one key after the other. */
struct signing {
	struct buf text; /* the message, with CRLF; at the end with its signatures */
	struct buf fields; /* the signatures so far */
	struct buf asked; /* the text that keys has */
	size_t at; /* number of the key */
	struct ask ask;
	/* why: NULL, or why it could not be signed; text is the caller's in any case */
	void (*done)(void *arg, const char *why);
	void *arg;
};
/* Signs s->text with all keys, and calls s->done, perhaps from within. */
void sign_start(struct signing *s);

#endif
