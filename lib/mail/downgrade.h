/*
 * A message with 8-bit content for a server that takes 7 bits only (RFC 6152 3): parts are encoded
 * as quoted-printable or base64, their headers say so, and raw bytes in headers become encoded
 * words, or question marks
 * where those are not allowed. The message is read twice: what a part must become stands in its header, before it.
 *
 *	downgrade_init(&d); while (more) downgrade_look(&d, bytes);
 *	if (downgrade_plan(&d) == 0) { while (more) downgrade_feed(&d, bytes); downgrade_finish(&d); }
 *	downgrade_clear(&d);
 *
 * Memory is bounded as that of struct mime is.
 */
#ifndef MAIL_DOWNGRADE_H
#define MAIL_DOWNGRADE_H

#include "base/buf.h"
#include "mail/mime.h"
#include "mail/mime_encode.h"

enum { DOWNGRADE_HEADER_MAX = 128 * 1024 }; /* bytes of the header of one part */

struct downgrade {
	struct mime mime;
	uint8_t *marks; /* per part: what it has, then what is done with it */
	uint32_t cap;
	bool high; /* in the line being looked at */
	bool impossible;

	uint64_t at; /* of the next byte that is fed */
	uint32_t part; /* that this byte belongs to, or the next to come */
	uint8_t state;
	struct mime_encoder encoder;
	struct buf header; /* of the part at hand */
	struct buf text; /* ready to go out */
	int (*out)(void *arg, struct str bytes);
	void *arg;
};

void downgrade_init(struct downgrade *d);
void downgrade_look(struct downgrade *d, struct str bytes);
/*
 * The whole message has been looked at. -1: it cannot be converted, because 8-bit bytes stand in a
 * boundary or in a part of type message or multipart that is none we understand, or because the
 * header of a part is too large.
 */
int downgrade_plan(struct downgrade *d);
/*
 * Then the same bytes again. Both return 0, or what out returned. A header goes out as a whole, and
 * may be eight times as long as it was.
 */
void downgrade_start(struct downgrade *d, int (*out)(void *arg, struct str bytes), void *arg);
int downgrade_feed(struct downgrade *d, struct str bytes);
int downgrade_finish(struct downgrade *d);
void downgrade_clear(struct downgrade *d);

#endif
