/* What SEARCH asks for: parsed by search_parse.c, matched by search_match.c. */
#ifndef SESSION_SEARCH_H
#define SESSION_SEARCH_H

#include "content.h"
#include "mail/mime.h"
#include "parse.h"
#include "set.h"

enum { SEARCH_DEPTH = 50, SEARCH_KEYS = 5000 };

enum search_kind {
	KEY_AND, /* of the children; without any: everything */
	KEY_OR, /* of the two children */
	KEY_FLAGS, /* (flags & mask) == flags */
	KEY_KEYWORD,
	KEY_SEQ,
	KEY_UID,
	KEY_DATE, /* INTERNALDATE in [from, to) */
	KEY_SENT, /* Date header */
	KEY_SIZE, /* in [from, to) */
	KEY_MODSEQ,
	KEY_ENVELOPE, /* text in a field of the ENVELOPE */
	KEY_HEADER, /* text in a field of the header */
	KEY_BODY,
	KEY_TEXT,
};

/* The dearer kinds are looked at last. */
enum search_cost { COST_INDEX, COST_ENVELOPE, COST_HEADER, COST_BODY, COSTS };

struct search_key {
	enum search_kind kind;
	enum search_cost cost; /* of itself and what is below */
	bool not ;
	struct search_key *child, *next;
	uint32_t mask, flags;
	struct str name; /* keyword, header field */
	uint64_t keywords; /* the keyword as a mask; 0: nothing has it */
	struct set set;
	int64_t from, to;
	uint64_t modseq;
	enum mime_field field;
	struct str text; /* case folded, UTF-8 */
};

/* RETURN options of RFC 4731 */
enum { RETURN_MIN = 1, RETURN_MAX = 2, RETURN_ALL = 4, RETURN_COUNT = 8 };

struct search {
	struct search_key *root;
	unsigned ret; /* RETURN_*; valid if esearch */
	bool esearch;
	bool bad_charset; /* NO [BADCHARSET] */
	bool modseq; /* MODSEQ was a key: the answer tells the highest */
	unsigned keys;
};

bool search_parse(struct parse *p, struct search *out);
/* Looks up keywords and resolves sets; once before matching. */
enum store_error search_bind(struct session *s, struct search_key *root);
/* Does the message at c match? One that cannot be read has no text. */
bool search_match(struct content *c, const struct search_key *k);

#endif
