/* A report about TLS (RFC 8460): as JSON (4.4), compressed, and as the message that carries it (5.3). */
#ifndef POLICY_REPORT_H
#define POLICY_REPORT_H

#include <jansson.h>

#include "base/buf.h"
#include "net/dns.h"
#include "proto/reporter.h"
#include "tally.h"

enum {
	REPORT_NAME_MAX = 255, /* of who reports, and of its addresses */
	REPORT_MAX = 36 * 1024, /* bytes, compressed: as text, it has to fit into a packet */
	REPORT_ID_MAX = 20 + 1 + DNS_NAME_MAX + 1 + REPORT_NAME_MAX,
};

/* Who reports. */
struct reporter {
	char host[REPORT_NAME_MAX + 1]; /* name of this one */
	char organization[REPORT_NAME_MAX + 1];
	char contact[REPORT_NAME_MAX + 1], sender[REPORTER_MAX + 1]; /* addresses */
};

/* "1764460800.example.org@mx.example.net": the same whenever the report is made. */
void report_id(const struct tally *t, const struct reporter *who, char out[REPORT_ID_MAX + 1]);

/* Yours. A tally that is not over ends at now. */
json_t *report_json(const struct tally *t, const struct reporter *who, int64_t now, bool details);

/*
 * Compressed, into out, which is not initialised and yours in any case. Details are left out of one that
 * would be too large. 0, or -1.
 */
int report_gzip(const struct tally *t, const struct reporter *who, struct buf *out);

/* The message that takes it to that address, with CRLF; out and the result as above. now: its date. */
int report_message(const struct tally *t, const struct reporter *who, struct str gzip,
    struct str to, int64_t now, struct buf *out);

#endif
