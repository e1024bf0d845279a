/*
 * Mail addresses: the strict grammar of SMTP (RFC 5321 4.1.2, 4.1.3; RFC 6531 for UTF-8) and the
 * lenient one of message headers (RFC 5322 3.4). All work is linear in the input and not recursive.
 *
 * The canonical form, which everything behind the parsers compares and stores: the domain in lower
 * case and in ASCII (an internationalised one as A-labels), address literals as inet_ntop(3) writes
 * them, the local part with its case kept and quoted only where it has to be.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>

#include "base/str.h"
#include "mail/domain.h"
#include "mail/envelope.h"

enum {
	LOCAL_MAX = 64, /* RFC 5321 4.5.3.1.1 */
};

enum address_flags {
	ADDRESS_UTF8 = 1, /* SMTPUTF8 is in force, or a header is read */
	ADDRESS_BARE = 2, /* a local part without a domain is allowed */
	ADDRESS_NULL = 4, /* address_path(): "<>" is allowed */
	ADDRESS_STRICT =
	    8, /* address_next(): what two readers could read differently is no address */
};

enum address_error {
	ADDRESS_OK,
	ADDRESS_SYNTAX,
	ADDRESS_NO_LOCAL, /* empty local part, "@d" or "\"\"@d" */
	ADDRESS_NO_DOMAIN,
	ADDRESS_BAD_DOMAIN,
	ADDRESS_BAD_LITERAL, /* [999.1.1.1] */
	ADDRESS_TOO_LONG,
	ADDRESS_NOT_ASCII, /* 8-bit without ADDRESS_UTF8, or not UTF-8 */
	ADDRESS_ERROR_MAX
};

/* Self-contained; the strs point into it, so it is not to be copied by assignment. */
struct address {
	struct str text; /* canonical; empty for <> */
	struct str local; /* the part of text before the @, quoted if need be */
	struct str domain; /* behind the @; empty if there is none */
	bool utf8; /* the local part is not ASCII */
	char space[ADDRESS_MAX + 1];
};

/* A whole string that is local@domain, without brackets. */
enum address_error address_parse(struct str s, unsigned flags, struct address *a);

/*
 * Takes a path "<...>" from the start of *rest (which moves behind it). A source route is checked
 * and dropped (RFC 5321 appendix C).
 */
enum address_error address_path(struct str *rest, unsigned flags, struct address *a);

/* "the domain is not valid": a short English reason. */
const char *address_error_text(enum address_error e);

/*
 * Puts the two halves together: local is the bare content (without quotes), domain a name, a literal,
 * or empty.
 */
enum address_error address_make(
    struct str local, struct str domain, unsigned flags, struct address *a);

/* The content of a canonical local part, without quotes and backslashes, into out; its length. */
size_t address_unquote(struct str local, char out[LOCAL_MAX]);

#endif
