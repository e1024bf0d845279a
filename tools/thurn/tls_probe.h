/*
 * A TLS client that wants to know: connects to a mail server as often as it takes to see which
 * versions it speaks and what it shows. Blocking; nothing is sent but greetings and handshakes.
 */
#ifndef THURN_TLS_PROBE_H
#define THURN_TLS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { PROBE_TEXT = 256, PROBE_VERSIONS = 4, PROBE_SECONDS = 10 };

/* TLSv1, TLSv1.1, TLSv1.2, TLSv1.3 */
extern const char *const probe_versions[PROBE_VERSIONS];

struct probe_target {
	char host[PROBE_TEXT], port[8]; /* to connect to; a name or a numeric address */
	char address[PROBE_TEXT]; /* of the host, numeric; "" = as the system finds it */
	char name[PROBE_TEXT]; /* asked for by SNI, and to be found in the certificate */
	const char *protocol; /* "smtp", "imaps", ... */
};

/* What a server shows of itself. */
struct probe_certificate {
	bool trusted, matches;
	char chain[PROBE_TEXT]; /* what is wrong with the chain; "" = nothing */
	char kind[16], names[PROBE_TEXT];
	unsigned bits;
	int64_t not_before, not_after; /* seconds since 1970 */
};

struct probe {
	bool connected; /* the server has spoken, or a handshake was tried */
	bool tls; /* a handshake succeeded, with the best version */
	bool versions[PROBE_VERSIONS];
	bool static_rsa,
	    no_aead; /* key exchange without forward secrecy, CBC: taken with TLSv1.2 */
	char error[PROBE_TEXT]; /* why there is no connection, or no TLS */
	char version[16], cipher[64], group[32];
	/* the one that is shown at first, and the one for clients that take the other kind of key only */
	struct probe_certificate certificates[2];
	unsigned ncertificates;
};

/* The protocol spoken at a port, or NULL; whether there is one of that name. */
const char *probe_protocol_of(const char *port);
const char *probe_default_port(const char *protocol);
const char *probe_protocol(const char *name);

/* ca: a file of authorities, or NULL = those of the system. */
void probe_server(const struct probe_target *t, const char *ca, struct probe *p);

/*
 * One more handshake, with TLSA records in place of authorities: the index of the one that the server
 * is known by, or -1 with why not. usable[i]: can be used with mail at all. base: the TLSA base domain.
 */
struct tls_association;
int probe_dane(const struct probe_target *t, const char *base, const struct tls_association *all,
    uint32_t n, bool *usable, char why[PROBE_TEXT]);

#endif
