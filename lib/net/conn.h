/*
 * A buffered connection on the event loop: reads ahead into `in` (never beyond its maximum),
 * writes `out` when the socket takes it, watches a deadline. TLS is below this interface (tls.h),
 * so nobody else reads or writes the descriptor.
 *
 * Idle connections hold no buffer memory. No function here calls an event: events come from the
 * loop only. While the peer does not take our output, its input is not read.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/loop.h"
#include "tls.h"

struct conn;

/* CONN_TLS: the handshake failed, took too long, or the peer broke the protocol; see conn_tls_why()
 */
enum conn_end { CONN_EOF, CONN_ERROR, CONN_TIMEOUT, CONN_TLS };

/* Each may conn_close() c and free what it is embedded in. */
struct conn_events {
	/* New bytes are in c->in; consume what is complete with buf_drop(), or buf_drop_secret() where
	 * passwords come this way. Called again only when more arrives, or after conn_resume(). */
	void (*input)(struct conn *c);
	/* All of `out` has been taken by the socket, or it is connected; may be NULL. */
	void (*drained)(struct conn *c);
	/* The peer has closed and its input has been handled, the socket failed (errno), the
	 * deadline passed, or conn_finish() is done (CONN_EOF). Does not close; after a deadline
	 * that is not one of conn_finish() things may go on. */
	void (*end)(struct conn *c, enum conn_end why);
	/* The handshake of conn_tls_accept() or conn_tls_connect() is done. NULL where neither is
	 * called. */
	void (*secured)(struct conn *c);
};

struct conn {
	int fd; /* -1 = closed */
	struct buf in, out;
	const struct conn_events *events;
	void *owner;
	struct watch watch;
	struct timer deadline;
	/* conn.c's own */
	TAILQ_ENTRY(conn) next;
	struct tls *tls; /* NULL = plain */
	uint8_t secure; /* how far it is with that */
	bool *gone;
	bool paused, corked, eof, closing, linger, connecting, blocked, queued, kick, ended;
	bool behind; /* the peer has closed, which is found again when what is queued is done */
};

/*
 * Takes *fd (leaves -1), makes it non-blocking. in_max: the longest line or chunk to wait for; when
 * that much is unconsumed, no more is read.
 */
void conn_init(struct conn *c, int *fd, size_t in_max, size_t out_max, const struct conn_events *ev,
    void *owner);
/* Begins a connect() to a numeric address; `drained` or `end` tells the outcome. -1 with errno. */
struct sockaddr;
int conn_connect(struct conn *c, const struct sockaddr *to, unsigned tolen,
    const struct sockaddr *from, unsigned fromlen, size_t in_max, size_t out_max,
    const struct conn_events *ev, void *owner);

/* Queues bytes; they leave when the loop is about to sleep, in one write. -1 past out_max. */
int conn_write(struct conn *c, struct str s);
int conn_printf(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Ends with CONN_TIMEOUT in ms unless set again; 0 = no deadline. */
void conn_deadline(struct conn *c, uint64_t ms);

/* No input events until resumed (back-pressure, or waiting for an answer). */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);

/*
 * Between cork and uncork output is only gathered, so that replies to pipelined commands leave
 * together although one of them has to wait for something.
 */
void conn_cork(struct conn *c);
void conn_uncork(struct conn *c);

/*
 * conn_finish: no more input; `end` comes once `out` has been written (bounded by the deadline).
 * conn_linger: the same for a peer that may still be sending: what it sends is thrown away for up
 * to two seconds, else the reset that an early close causes would overtake our last words.
 * conn_close: at once. All safe twice.
 */
void conn_finish(struct conn *c);
void conn_linger(struct conn *c);
void conn_close(struct conn *c);

/*
 * TLS from here on, as a server: first what has been written leaves in plain text, then the
 * handshake begins, which has CONN_HANDSHAKE_MS; `secured` or `end` (CONN_TLS) tells how it went,
 * and what is written meanwhile follows it. -1 with EPROTO when input is there already: whoever
 * sent it in plain text wants it to be taken for what comes encrypted (RFC 3207 4.2). With `first`,
 * where the handshake is the first that is said, such input belongs to it (behind the header of a
 * proxy) and is taken out of `in`, and the rest of its beginning is taken to be there. -1 with EALREADY under
 * TLS.
 */
enum { CONN_HANDSHAKE_MS = 30 * 1000 };
int conn_tls_accept(struct conn *c, struct tls_context *context, bool first);
/*
 * The same as a client; the context must outlive the connection. Whether it is the right server is
 * told by the facts: a handshake does not fail for that. Input that is there already is as suspect
 * (EPROTO): it would be taken for what comes encrypted.
 */
int conn_tls_connect(struct conn *c, struct tls_client *client, const struct tls_server *to);
/* The facts about it; NULL while the connection is plain. */
const struct tls_facts *conn_tls(const struct conn *c);
/* What binds an authentication to this connection (tls-exporter, RFC 9266); -1 if nothing can. */
int conn_tls_exporter(const struct conn *c, uint8_t out[32]);
/* Why it failed, for the log. */
const char *conn_tls_why(const struct conn *c);

/*
 * Takes the descriptor out, leaving the conn closed; unread input stays in c->in (which the caller
 * then clears). Output is written first as far as the socket takes it; what it does not take is
 * lost. Not under TLS: its state cannot be handed on.
 */
int conn_detach(struct conn *c);

/*
 * The first line of c->in including its LF, without consuming it; *line excludes the line end, and
 * *size is what to buf_drop(). 1 = a line, 0 = not complete yet, -1 = longer than max.
 */
int conn_line(const struct conn *c, size_t max, struct str *line, size_t *size);

#endif
