/*
 * Questions to services/resolver. Each is one packet, and so is its answer; the resolver answers
 * within RESOLVE_MS, if need be with what it knows by then, so whoever waits longer has lost it.
 */
#ifndef PROTO_RESOLVE_H
#define PROTO_RESOLVE_H

#include "base/ipc.h"
#include "net/dns.h"

enum {
	RESOLVE_MS = 45 * 1000, /* for chan_ask(); more than dns_timeout can be */
	RESOLVE_TYPES_MAX = 4,
	RESOLVE_BYTES_MAX = 12 * 1024, /* of the records of one answer; the rest is left out */
	RESOLVE_WHY_MAX = 200,
	MAIL_HOSTS_MAX = 100, /* MX records that are looked at */
	MAIL_HOSTS_ASKED = 20, /* of which the addresses are asked for */
	MAIL_ADDRESSES_MAX = 20, /* of one host */
};

/* An address; get: one of family 4, 6 or 0. */
void put_ip(struct put *w, const struct ip *ip);
void get_ip(struct get *g, struct ip *ip);

/* RESOLVE_ASK: the records of one name. The answer has as many, in the order of the types. */
struct resolve_question {
	uint64_t trace;
	struct str name;
	uint16_t types[RESOLVE_TYPES_MAX];
	uint8_t ntypes;
};
struct resolve_reply {
	struct dns_answer answers[RESOLVE_TYPES_MAX];
	struct str why; /* in words, when one of them failed; may be empty */
	uint8_t n;
};
void put_resolve_question(struct put *w, const struct resolve_question *q);
int get_resolve_question(struct get *g, struct resolve_question *q); /* borrows from the packet */
/* What does not fit is left out, and `more` is set. */
void put_resolve_reply(struct put *w, const struct resolve_reply *r);
int get_resolve_reply(struct get *g, struct arena *a, struct resolve_reply *r);

/*
 * RESOLVE_CLIENT: who is at that address, and on which DNS list? Answered within CLIENT_MS.
 */
enum { CLIENT_MS = 5 * 1000, LIST_TEXT_MAX = 200 };
struct client_question {
	uint64_t trace;
	struct ip ip;
	bool name, lists; /* what is wanted */
};
struct client_reply {
	/* DNS_OK: name is confirmed; DNS_NODATA, DNS_NXDOMAIN: it has none that leads back to it;
	 * else it is not known */
	uint8_t name_status;
	struct str name;
	struct str reverse; /* what its reverse zone says first, confirmed or not */
	struct str list; /* zone of the first list that it is on; empty = none */
	struct ip list_code;
	struct str list_text; /* why, in the words of the list: any bytes */
	bool list_failed; /* not all lists have answered */
};
void put_client_question(struct put *w, const struct client_question *q);
int get_client_question(struct get *g, struct client_question *q);
void put_client_reply(struct put *w, const struct client_reply *r);
int get_client_reply(struct get *g, struct client_reply *r); /* borrows from the packet */

/*
 * RESOLVE_MAIL: where does mail for this domain go (RFC 5321 5.1)? All MX records, and the
 * addresses of the first of them; without MX records, the domain itself as the only host. With
 * `host`, no MX records are asked for.
 */
struct mail_question {
	uint64_t trace;
	struct str domain;
	bool host;
};
struct mail_host {
	uint16_t preference;
	struct str name;
	/* of its addresses: DNS_OK when there is one. Not asked for: DNS_TEMPORARY and `unasked` */
	uint8_t status, security;
	bool unasked;
	struct str canonical; /* when the name is an alias */
	/* of the first alias alone, where the whole is not secure (RFC 7672 2.2.2); DNS_FORGED also when
	 * that could not be found out */
	uint8_t alias;
	struct ip *ips;
	uint32_t nips;
};
struct mail_reply {
	/* of the MX records; DNS_OK and DNS_NODATA (then `implicit`) go on to the hosts */
	uint8_t status, security;
	bool implicit; /* there are no MX records: the domain is the host */
	bool null; /* RFC 7505: takes no mail at all */
	uint32_t ttl; /* seconds that all of it holds */
	struct str why;
	struct mail_host *hosts; /* by preference, equal ones in random order */
	uint32_t nhosts;
};
void put_mail_question(struct put *w, const struct mail_question *q);
int get_mail_question(struct get *g, struct mail_question *q); /* borrows from the packet */
void put_mail_reply(struct put *w, const struct mail_reply *r);
int get_mail_reply(struct get *g, struct arena *a, struct mail_reply *r);

#endif
