/* What FETCH asks for: parsed by fetch_parse.c, answered by cmd_fetch.c and fetch_body.c. */
#ifndef SESSION_FETCH_H
#define SESSION_FETCH_H

#include "content.h"
#include "parse.h"

enum { FETCH_ITEMS = 1000, FETCH_DEPTH = MIME_DEPTH + 2, FETCH_FIELDS = 1000 };

enum fetch_kind {
	FETCH_UID,
	FETCH_FLAGS,
	FETCH_INTERNALDATE,
	FETCH_SIZE,
	FETCH_MODSEQ,
	FETCH_ENVELOPE,
	FETCH_BODY,
	FETCH_BODYSTRUCTURE,
	FETCH_SECTION,
	FETCH_KINDS
};

enum section_text {
	SECTION_ALL,
	SECTION_HEADER,
	SECTION_FIELDS,
	SECTION_FIELDS_NOT,
	SECTION_TEXT,
	SECTION_MIME,
};

struct fetch_item {
	enum fetch_kind kind;
	struct str label; /* name in the answer: "BODY[1]<0>" */
	/* for FETCH_SECTION */
	bool seen; /* sets \Seen: no .PEEK */
	enum section_text text;
	uint32_t *number; /* of the part */
	unsigned depth;
	bool too_deep; /* deeper than any message: NIL */
	struct str *fields;
	size_t nfields;
	bool partial;
	uint32_t from, count;
};

struct fetch {
	struct fetch_item *items;
	size_t n;
	unsigned kinds; /* bit per fetch_kind */
	bool seen;
	bool changed; /* CHANGEDSINCE */
	uint64_t changedsince;
};

/* Everything behind the set. */
bool fetch_parse(struct parse *p, struct fetch *f);

/*
 * Puts the name of an item, with a blank in front if it is not the first, and a blank behind it.
 */
void fetch_label(struct content *c, const struct fetch_item *item);

/*
 * Puts a section with its name. STORE_OK; or why the message cannot be read, and nothing was
 * put; after the first byte was sent an error ends the connection instead.
 */
enum store_error fetch_section(struct content *c, const struct fetch_item *item);

#endif
