/*
 * The Dovecot authentication protocol (version 1.1, its client side), for servers of others:
 * Postfix, Exim. They connect to a Unix socket; who may is said by dovecot_auth_uids.
 */
#ifndef SASL_DOVECOT_H
#define SASL_DOVECOT_H

#include "base/str.h"
#include "proto/conf.h"
#include "proto/sasl.h"

enum {
	DOVECOT_CLIENTS = 512, /* connections; a Postfix server process keeps one */
	DOVECOT_LINE = 4 * 1024 + SASL_LINE_MAX,
	DOVECOT_FIELDS = 32,
};

/* Before confinement. */
void dovecot_open(void);
/* Begins to take connections of the listeners that are there. */
void dovecot_start(const struct conf *c);
/* Takes no more. */
void dovecot_stop(void);
unsigned dovecot_count(void);

/* --- a line taken apart (pure) ---------------------------------------------------------------- */

enum dovecot_verb {
	DOVECOT_VERSION,
	DOVECOT_CPID,
	DOVECOT_AUTH,
	DOVECOT_CONT,
	DOVECOT_CANCEL,
	DOVECOT_OTHER
};
struct dovecot_line {
	enum dovecot_verb verb;
	uint32_t number; /* VERSION: major; CPID: process; the others: id */
	struct str mechanism, service, client, response; /* response: base64 */
	bool has_response, secured;
};
/* -1: malformed. Strings are borrowed from the line. */
int dovecot_parse(struct str line, struct dovecot_line *out);

#endif
