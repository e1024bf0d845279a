/*
 * DANE of a server that thurn tls check looks at: its TLSA records as the suite's resolver sees them,
 * and what they say of the certificate that is shown (RFC 6698, 7671, 7672).
 */
#ifndef THURN_TLS_DANE_H
#define THURN_TLS_DANE_H

#include <jansson.h>

#include "base/arena.h"
#include "net/dns.h"
#include "tls_probe.h"

/* What DANE makes of a server. */
enum dane_verdict {
	DANE_UNKNOWN, /* nobody could be asked */
	DANE_NONE, /* no records that count: sent to as if there were none */
	DANE_FAILED, /* the records cannot be had: no mail by those who look for them */
	DANE_UNUSABLE, /* none of them can be used with mail */
	DANE_MATCHED,
	DANE_MISMATCHED,
};

struct dane {
	enum dane_verdict verdict;
	char why[PROBE_TEXT]; /* in words */
	struct str base; /* TLSA base domain; empty = none */
	uint8_t addresses, security; /* enum dns_security: of the addresses, and of the records */
	struct dns_record *records;
	uint32_t nrecords;
	bool *usable;
	int matched; /* index of the record that the server is known by, or -1 */
	struct arena arena;
};

/* Asks the running suite for the records of a host, and for its address, which goes into t. */
void dane_find(struct probe_target *t, struct dane *d);
/* Connects there, if there are any, to see whether it is as they say. */
void dane_compare(const struct probe_target *t, struct dane *d);
void dane_clear(struct dane *d);

json_t *dane_json(const struct dane *d); /* yours */
void dane_print(const struct dane *d);

#endif
