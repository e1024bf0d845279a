/*
 * The TXT records of _smtp._tls, by which a domain says where it wants its reports (RFC 8460 3). Called by
 * services/policy, which makes them, and by queue, which sends no report to anybody else.
 */
#ifndef MAIL_TLSRPT_H
#define MAIL_TLSRPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
	TLSRPT_PLACES = 4, /* others are not looked at */
	TLSRPT_PLACE_MAX = 500, /* bytes of one */
};

#define TLSRPT_LABEL "_smtp._tls" /* before the domain */

/* All zero before the first record. */
struct tlsrpt {
	unsigned found; /* records of this kind */
	bool malformed; /* one of them is */
	/* those that differ: "https://..." or "mailto:local@domain" in canonical form; of other kinds,
	 * malformed or too long ones are left out */
	char places[TLSRPT_PLACES][TLSRPT_PLACE_MAX + 1];
	uint32_t n;
};

/* Takes one TXT record, of whatever kind. */
void tlsrpt_add(struct tlsrpt *t, struct str text);
/* When all have been taken: NULL, or why there is no place to report to. */
const char *tlsrpt_why(const struct tlsrpt *t);
/* Whether the domain wants reports mailed to that address, which is in canonical form. */
bool tlsrpt_has_mail(const struct tlsrpt *t, struct str address);

#endif
