/*
 * TLS of a program that has listeners, or shows a certificate as a client: keeps what services/keys publishes, makes contexts of it,
 * and brings signatures from there. The peer_spec for ROLE_KEYS is
 *
 *	{ ROLE_KEYS, .rows = secure_rows, .up = secure_up }
 *
 * What was published stays in use while keys is away: the ids of keys are the same in the next
 * process.
 */
#ifndef PROTO_SECURE_H
#define PROTO_SECURE_H

#include "base/log.h"
#include "net/conn.h"
#include "proto/conf.h"

enum secure_mode {
	SECURE_OFF, /* never */
	SECURE_OPTIONAL, /* offered */
	SECURE_REQUIRED, /* nothing else is done before */
	SECURE_IMPLICIT, /* from the first byte */
};

/* Before confinement. */
void secure_open(void);

extern const struct chan_row secure_rows[];
void secure_up(struct chan *c);

/*
 * The TLS of a listener, by its settings `tls` and `certificates`; lives as long as the process.
 * What it speaks decides about the rest: names for ALPN, and whether sessions can be resumed.
 */
struct secure;
struct secure *secure_new(const struct conf *c, const struct conf_section *listener);
enum secure_mode secure_mode(const struct secure *s);
/*
 * fd is that listener's. Where TLS is spoken from the first byte, connections are not accepted before
 * there is something to read, or about a second has passed: so the handshake begins with no wait in
 * between.
 */
void secure_listen(const struct secure *s, int fd);
/* NULL while there is no certificate for it (yet), or TLS is off. Borrowed until the loop goes on.
 */
struct tls_context *secure_context(const struct secure *s);
/* The certificate of that section, or NULL while there is none; borrowed until the loop goes on. */
const struct tls_certificate *secure_certificate(struct str name);
/* Calls fn whenever what is published has changed; e.g. to begin to accept. */
void secure_on_change(void (*fn)(void));

/* The facts, for a log line's field: "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519"; "" when plain. */
struct str secure_text(const struct conn *c);
/* Whose certificate the client has shown, if it leads to an anchor of tls_client_ca; else empty. */
struct str secure_peer(const struct conn *c);
/* "AB:01:..." */
enum { FINGERPRINT_TEXT = 3 * TLS_FINGERPRINT };
struct str secure_fingerprint(const uint8_t hash[TLS_FINGERPRINT], char out[FINGERPRINT_TEXT]);
/* One event for a handshake that is done (and one for a client's certificate), or that failed. */
void secure_log(const struct tag *tag, const char *client, const struct conn *c);
void secure_log_failure(const struct tag *tag, const char *client, const struct conn *c);

#endif
