/*
 * The structure of a message (RFC 5322, RFC 2045-2047, RFC 2183): one pass over bytes that come in
 * any cuts, with LF or CRLF line ends. No recursion, bounded memory, time linear in the size. What
 * is broken is never refused: it becomes part of what stands around it.
 *
 *	mime_init(&m, 0); while (more) mime_feed(&m, bytes); mime_end(&m); ... mime_clear(&m);
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* What a sender can push against. */
enum {
	MIME_DEPTH = 100, /* multiparts and messages inside each other; then opaque */
	MIME_PARTS = 10000, /* parts of one message; the last one takes the rest */
	MIME_ADDRESSES = 2000, /* of one field in an ENVELOPE */
	MIME_BOUNDARY = 1000, /* RFC 2046 says 70; longer = no multipart */
	MIME_FIELD_BYTES = 256 * 1024, /* of one header field; the rest is not looked at */
	MIME_KEPT_BYTES = 4 * 1024 * 1024, /* of all fields of one message */
	MIME_PARAMS = 64, /* parameters of a field, and pieces of one (RFC 2231) */
};

enum { MIME_NONE = UINT32_MAX };

/* A place in the message. */
struct mime_pos {
	uint64_t at; /* bytes as they were fed */
	uint64_t wire; /* bytes with every line end counted as CRLF */
	uint64_t lines; /* line ends before it */
};

enum mime_kind {
	MIME_OTHER,
	MIME_TEXT,
	MIME_MULTIPART,
	MIME_MESSAGE, /* message/rfc822; its only child is the message inside */
	MIME_OPAQUE, /* a multipart or message below MIME_DEPTH, or a multipart without boundary */
};

/* Header fields that are kept, in the order of an ENVELOPE (RFC 3501 7.4.2), then the others. */
enum mime_field {
	FIELD_DATE,
	FIELD_SUBJECT,
	FIELD_FROM,
	FIELD_SENDER,
	FIELD_REPLY_TO,
	FIELD_TO,
	FIELD_CC,
	FIELD_BCC,
	FIELD_IN_REPLY_TO,
	FIELD_MESSAGE_ID,
	FIELD_ENVELOPE, /* how many of an envelope there are */
	FIELD_TYPE = 0, /* Content-Type; these live in another array */
	FIELD_ENCODING,
	FIELD_ID,
	FIELD_DESCRIPTION,
	FIELD_MD5,
	FIELD_DISPOSITION,
	FIELD_LANGUAGE,
	FIELD_LOCATION,
	FIELD_CONTENT,
};

/* One part: where it is and what it belongs to. Plain numbers, so that it can be kept in a cache.
 */
struct mime_node {
	uint32_t parent, child, next; /* indexes of nodes, or MIME_NONE */
	uint32_t kind; /* enum mime_kind */
	struct mime_pos header, body, end;
};

/* What its header says. Values are unfolded and else as they stand; p NULL where there is none. */
struct mime_text {
	struct str content[FIELD_CONTENT];
	struct str *envelope; /* FIELD_ENVELOPE of them; NULL in a part that is not a message */
	bool digest; /* multipart/digest: children are messages by default */
};

struct mime_open {
	uint32_t part;
	struct str boundary; /* empty: closed already, or a message */
	uint32_t last_child;
};

struct mime {
	/* Two arrays with one index; 0 is the message, parents come before their children. */
	struct mime_node *nodes;
	struct mime_text *texts;
	uint32_t n, cap; /* at most 2 * MIME_PARTS: empty multiparts are given a part */

	/* the rest is the parser's own */
	struct arena arena;
	bool raw;
	bool in_header;
	uint32_t current; /* part that the next line belongs to */
	struct mime_pos here; /* start of the line */
	struct mime_pos before; /* end of the line before it, without its line end */
	struct mime_open stack[MIME_DEPTH];
	unsigned depth;
	struct buf line; /* a line that is not complete yet, its first bytes */
	uint64_t line_bytes; /* all bytes of it */
	char line_last; /* its last byte so far */
	struct buf field; /* the header field being read, unfolded */
};

/*
 * raw: the sizes are the bytes as they are. Otherwise a bare LF counts as the CRLF that it will be
 * on the wire.
 */
void mime_init(struct mime *m, bool raw);
void mime_feed(struct mime *m, struct str bytes);
void mime_end(struct mime *m);
void mime_clear(struct mime *m);

static inline uint64_t mime_body_size(const struct mime_node *p)
{
	return p->end.wire - p->body.wire;
}

static inline uint64_t mime_body_lines(const struct mime_node *p)
{
	return p->end.lines - p->body.lines;
}

/*
 * The part of a section number like {1, 2} of "1.2" (RFC 3501 6.4.5), or MIME_NONE. n = 0 is the
 * message. In a message that is no multipart, part 1 is its text.
 */
uint32_t mime_find(const struct mime_node *nodes, const uint32_t *number, unsigned n);

#endif
