/*
 * DKIM signatures of what this host writes (RFC 6376; RFC 8463 for Ed25519): the text that is signed, and
 * the field that carries the signature. Header and body are in their relaxed forms (3.4.2, 3.4.4). Pure:
 * others make the hashes, and have the keys.
 */
#ifndef MAIL_DKIM_H
#define MAIL_DKIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum {
	DKIM_TEXT_MAX = 16 * 1024, /* bytes that are signed */
	DKIM_FIELDS_MAX = 100, /* of a header that is signed */
	DKIM_SELECTOR_MAX = 120, /* bytes; it may have several labels */
	DKIM_ALGORITHM_MAX = 40,
	DKIM_HASH = 32, /* SHA-256 */
};

/* A body on its way into its hash; line ends are CRLF. out gets the canonical bytes, in order. */
struct dkim_body {
	void (*out)(void *arg, struct str bytes);
	void *arg;
	size_t ends; /* of lines, not yet put: at the end of the body they count as one */
	bool cr, blank; /* seen, not yet put */
	bool any; /* something has been put */
};
void dkim_body_start(struct dkim_body *b, void (*out)(void *arg, struct str bytes), void *arg);
void dkim_body_feed(struct dkim_body *b, struct str bytes);
void dkim_body_finish(struct dkim_body *b);

/* What a signature says of its key. */
struct dkim_key {
	struct str domain, selector; /* in lower case */
	struct str algorithm; /* "rsa-sha256", "ed25519-sha256" */
};

/*
 * Appends what that key has to sign: the canonical fields of the header that have one of the names, and
 * behind them the field of the signature itself, up to where the signature will stand. The signature
 * also says that there is no other field of those names, so that none can be added. at: seconds since
 * 1970. -1 when there are more than DKIM_FIELDS_MAX fields, or text becomes full.
 */
int dkim_text(const struct dkim_key *key, struct str header, const char *const *names,
    size_t nnames, const uint8_t body[DKIM_HASH], int64_t at, struct buf *text);
/* Whether that is a text for that key, and for no other one. */
bool dkim_is_for(struct str text, const struct dkim_key *key);
/* Appends the field for the top of the message, with its CRLF. */
void dkim_field(struct str text, struct str signature, struct buf *out);

#endif
