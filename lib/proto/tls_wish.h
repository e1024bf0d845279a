/*
 * How a next hop is to be spoken to: none, or as TLS with some certainty of who is there. Written
 * as in smtp_tls_policy_maps of Postfix: "LEVEL [match=ITEM...] [implicit]". Decided by
 * services/lookup with the route, kept in this form by the queue, and carried out by
 * deliver/remote. "auth" behind it: with a login (RFC 4954), and so never in plain text. What a message demands (RFC 8689) the queue puts behind it: "requiretls", or
 * "requiretls=offered" for what must not get lost for it.
 */
#ifndef PROTO_TLS_WISH_H
#define PROTO_TLS_WISH_H

#include "base/str.h"

enum { TLS_WISH_MAX = 1024, TLS_WISH_PIN = 32 /* bytes: SHA-256 */ };

/* The first ones in the order of strength. */
enum tls_level {
	TLS_LEVEL_NONE, /* plain text */
	TLS_LEVEL_MAY, /* TLS where it works */
	TLS_LEVEL_ENCRYPT, /* TLS with whoever is there */
	TLS_LEVEL_VERIFY, /* with a valid certificate for the name of the host, as DNS tells it */
	TLS_LEVEL_SECURE, /* with a valid certificate for the name of the next hop */
	TLS_LEVEL_FINGERPRINT, /* with one of these keys */
	TLS_LEVEL_DANE, /* as the destination publishes it (RFC 7672); TLS where it works if not */
	TLS_LEVEL_DANE_ONLY, /* only to hosts that publish it so */
	TLS_LEVELS
};

enum tls_require {
	TLS_REQUIRE_NOTHING,
	TLS_REQUIRE_OFFERED, /* REQUIRETLS is said to hosts that offer it */
	TLS_REQUIRE_ALWAYS, /* and others, or those that cannot be verified, get nothing */
};

struct tls_wish {
	enum tls_level level;
	bool implicit; /* TLS from the first byte, as at port 465 (RFC 8314) */
	bool auth; /* mail logs in there: services/credentials knows with what */
	enum tls_require require;
	struct str
	    match; /* items for tls_wish_item(), with blanks, colons or bars between; borrowed */
};

/* Does that level say itself what is to be done, and not where it is to be looked for? */
static inline bool tls_level_fixed(enum tls_level level)
{
	return level < TLS_LEVEL_DANE;
}

/* Empty text is "may". -1 when it is malformed. */
int tls_wish_parse(struct str text, struct tls_wish *w);
const char *tls_level_name(enum tls_level level);

/*
 * The next item of *rest, which begins as w->match: a name (".example.org": all below it;
 * "hostname", "nexthop", "dot-nexthop"), or, with TLS_LEVEL_FINGERPRINT, a fingerprint. False = no
 * more.
 */
bool tls_wish_item(const struct tls_wish *w, struct str *rest, struct str *item);
/* A fingerprint in hexadecimal, with or without colons. -1 when it is none. */
int tls_wish_pin(struct str item, uint8_t out[TLS_WISH_PIN]);

#endif
