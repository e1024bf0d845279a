/*
 * DNS messages (RFC 1035) as services/resolver gets them from its library, and what becomes of
 * them: a few fields per record. Whatever does not decode makes the whole answer malformed; nothing
 * is guessed. Names are text in lower case without a final dot, "." for the root, and hold nothing
 * but letters, digits, hyphens, underscores and slashes (RFC 2317).
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/arena.h"
#include "net/ip.h"

enum {
	DNS_NAME_MAX = 253, /* bytes of a name as text */
	DNS_RECORDS_MAX = 1000, /* of one answer; the rest is left out */
	DNS_ALIASES_MAX = 8, /* CNAMEs behind each other */
};

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TLSA = 52,
	DNS_DNSKEY = 48, /* its records are not decoded: only their presence counts */
};

enum dns_status {
	DNS_OK,
	DNS_NODATA, /* the name exists, but nothing of that type */
	DNS_NXDOMAIN, /* no such name */
	DNS_TEMPORARY, /* no answer, or a server's failure */
	DNS_BOGUS, /* DNSSEC says that it is forged */
	DNS_MALFORMED, /* does not decode, or aliases without an end */
	DNS_STATUSES
};
/* Only these two say for sure that there is nothing: everything else may be otherwise in an hour.
 */
static inline bool dns_empty(enum dns_status s)
{
	return s == DNS_NODATA || s == DNS_NXDOMAIN;
}

enum dns_security {
	DNS_INDETERMINATE, /* not known: no answer, or no trust anchor above it */
	DNS_INSECURE, /* proved to be unsigned */
	DNS_SECURE, /* signed all along, aliases included */
	DNS_FORGED, /* bogus */
	DNS_SECURITIES
};

struct dns_record {
	uint16_t preference; /* MX */
	uint8_t usage, selector, matching; /* TLSA (RFC 6698) */
	struct ip ip; /* A, AAAA */
	struct str text; /* MX, PTR, CNAME: the name; TXT: its strings, joined; TLSA: the data */
};

struct dns_answer {
	uint16_t type; /* that was asked for */
	uint8_t status, security;
	uint32_t ttl; /* seconds; the least of all that led to it */
	struct str canonical; /* behind the aliases; empty when there is none */
	bool more; /* records were left out */
	struct dns_record *records;
	uint32_t nrecords;
};

/* "MX", "ok", "secure", ...; dns_type_of(): 0 if it is none of ours. */
const char *dns_type_name(uint16_t type);
uint16_t dns_type_of(struct str name);
const char *dns_status_name(enum dns_status s);
const char *dns_security_name(enum dns_security s);

/* Can that be asked for? Labels of 1 to 63 bytes, of the characters above, 253 in all; or ".". */
bool dns_name_valid(struct str name);

/* "1.2.0.192.in-addr.arpa" and its like of IPv6 (RFC 1035 3.5, RFC 3596 2.5). */
enum { DNS_REVERSE_MAX = 74 };
void dns_reverse(const struct ip *ip, char out[DNS_REVERSE_MAX]);

/*
 * Reads the answer to a question for that name and type (class IN). Sets all of *out but security;
 * strings are in a. What the message says about other names, or in other sections, is not looked
 * at.
 */
void dns_parse(
    struct str message, struct str name, uint16_t type, struct arena *a, struct dns_answer *out);

#endif
