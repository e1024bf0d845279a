/*
 * Domain names and address literals as they stand behind the @ (RFC 5321 4.1.2, 4.1.3; RFC 6531).
 * Canonical: lower case, internationalised names as A-labels (IDNA 2008), literals as
 * inet_ntop(3) writes them.
 */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include <stdbool.h>

#include "base/str.h"

enum {
	DOMAIN_MAX = 255, /* RFC 5321 4.5.3.1.2 */
	LABEL_MAX = 63, /* RFC 1035 2.3.4 */
};

/*
 * A domain name (not a literal) in canonical form into out. -1 if it is none: empty or long labels,
 * a trailing dot, a hyphen at the edge of a label, a last label of digits only, other characters
 * than letters, digits, hyphen and (as found in the wild) underscore; 8-bit unless utf8 is set.
 */
int domain_canonical(struct str s, bool utf8, char out[DOMAIN_MAX + 1]);

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" in canonical form into out, or -1. */
int literal_canonical(struct str s, char out[DOMAIN_MAX + 1]);

#endif
