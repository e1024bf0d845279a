/*
 * Structured header fields as strangers write them: parameters (RFC 2045 5.1, RFC 2231) and
 * addresses (RFC 5322 3.4). Never fails: what cannot be read is skipped to the end of the field.
 */
#ifndef MAIL_MIME_FIELD_H
#define MAIL_MIME_FIELD_H

#include "base/arena.h"
#include "base/str.h"
#include "mail/mime.h"

struct mime_param {
	struct str name; /* as written, lower case; ends in '*' when the value is encoded */
	struct str value; /* unquoted; RFC 2231 pieces joined, left percent-encoded */
};

struct mime_value {
	struct str type; /* "text" of text/plain; or the whole word, as in Content-Disposition */
	struct str subtype; /* empty if there is none */
	struct mime_param params[MIME_PARAMS];
	unsigned nparams;
};

/* Parses "word [/ word] *(; name = value)"; slash says whether a subtype is wanted. Strings in a.
 */
void mime_value_parse(struct mime_value *v, struct arena *a, struct str field, bool slash);
/* The value of a parameter; p NULL if there is none. */
struct str mime_value_param(const struct mime_value *v, struct str name);

/* The first word of a field, without comments, e.g. of Content-Transfer-Encoding. In a. */
struct str mime_word(struct arena *a, struct str field);

/* One address, as an ENVELOPE wants it. p NULL = NIL. */
struct mime_address {
	struct str name; /* display name, unquoted, encoded words left as they are */
	struct str route; /* at-domain-list, e.g. "@a,@b" */
	struct str mailbox; /* local part; group name at the start of a group */
	struct str host; /* NULL at the start and end of a group */
};

struct mime_address_cursor {
	const char *p, *end;
	bool group;
	unsigned count;
};

void mime_address_start(struct mime_address_cursor *c, struct str field);
/* The next one (group start and end are addresses of their own), or false at the end. Strings in a.
 */
bool mime_address_next(struct mime_address_cursor *c, struct arena *a, struct mime_address *out);

#endif
