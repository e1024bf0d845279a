/*
 * The client's side of SASL (RFC 4422): what is said to a server that asks who we are. The server is not
 * trusted: what it sends has the bounds of a reply, and is taken for what it is or for a failure. Pure code.
 */
#ifndef REMOTE_SASL_H
#define REMOTE_SASL_H

#include "base/buf.h"
#include "proto/credentials.h"

enum {
	SASL_ROUNDS_MAX = 6, /* challenges; SCRAM has two */
	/* HMACs that a server may demand of a client; those in use have 4,096 to 15,000 */
	SASL_ITERATIONS_MAX = 100000,
	SASL_EXPORTER = 32, /* bytes of tls-exporter (RFC 9266) */
	SASL_MESSAGE_MAX = 16 * 1024, /* bytes of one of ours */
};

struct sasl_login {
	enum login_mechanism mechanism;
	const char *user, *secret; /* borrowed until sasl_free() */
	const char *host; /* as DNS calls it */
	uint16_t port;
	const uint8_t *exporter; /* of the connection, or NULL; copied */
};

/* Before confinement. -1: the library cannot do it. */
int sasl_open(void);
struct sasl *sasl_new(const struct sasl_login *l); /* NULL: it cannot begin */
void sasl_free(struct sasl *x); /* overwrites it; NULL is fine */

/* Does the client speak first? */
bool sasl_begins(enum login_mechanism m);
/*
 * Appends the next message to out, which may be nothing: the answer to the server's, or the first one. -1
 * with a sentence when there is no answer to that.
 */
int sasl_step(struct sasl *x, struct str challenge, struct buf *out, const char **why);
/* May the server say now that all is well? With SCRAM not before it has proved itself. */
bool sasl_complete(const struct sasl *x);

#endif
