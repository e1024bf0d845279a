/* The TXT record of _smtp._tls, by which a domain says where it wants its reports (RFC 8460 3). */
#ifndef POLICY_TLSRPT_H
#define POLICY_TLSRPT_H

#include <stdint.h>

#include "tally.h"

/*
 * 1 with the places, at most TALLY_RUAS that differ: "https://..." or "mailto:local@domain" in
 * canonical form; those of other kinds, malformed or too long are left out. 0 when it is no such record
 * at all and to be left aside; -1 when it is a malformed one.
 */
int tlsrpt_record(struct str text, struct tally_rua ruas[TALLY_RUAS], uint32_t *n);

#endif
