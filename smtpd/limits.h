/*
 * What a client can push against and no setting changes. Where RFC 5321 4.5.3.1 names a minimum, the
 * number here is not below it.
 */
#ifndef SMTPD_LIMITS_H
#define SMTPD_LIMITS_H

enum {
	/* bytes of a command line: 512, and what SIZE, BODY, DSN and SMTPUTF8 add (RFC 1869 4.1.2) */
	LIMIT_LINE = 2048,
	/* bytes of a longer line that are skipped before the connection ends */
	LIMIT_SKIP = 64 * 1024,
	/* read ahead, and so the largest piece of a message handled at once */
	LIMIT_INPUT = 64 * 1024,
	/* replies that wait for the client: those to a whole LIMIT_INPUT of short commands */
	LIMIT_OUTPUT = 512 * 1024,
	LIMIT_HELO = 255,
	LIMIT_LOGIN = 256,
	/* bytes of an AUTH command: RFC 4954 4 */
	LIMIT_AUTH_LINE = 12288,
	/* wrong logins of one connection */
	LIMIT_WRONG_LOGINS = 5,
	/* NOOP, RSET and the like without a message in between; further ones count as errors */
	LIMIT_IDLE_COMMANDS = 100,
	/* chunks of a message that may be small, and how many bytes further ones must have on average */
	LIMIT_SMALL_CHUNKS = 1000,
	LIMIT_CHUNK_AVERAGE = 64,
	/* bytes behind the size limit that are thrown away before the connection ends */
	/* header fields that rules of access(5) add to a message: must fit the packet of its COMMIT */
	LIMIT_PREPENDED = 64,
	LIMIT_PREPENDED_BYTES = 16 * 1024,
	LIMIT_DISCARD = 64 * 1024 * 1024,
	LIMIT_PROXY_HEADER = 1024,
	/* clients that are counted at the same time, per worker */
	LIMIT_CLIENTS = 65536,
	/* descriptors kept for channels, bodies and listeners when connections are counted */
	LIMIT_SPARE_FDS = 256,
	/* From or Sender of a submitted message */
	LIMIT_AUTHORS = 16 * 1024,
	/* Message-ID: bytes kept for the log */
	LIMIT_MESSAGE_ID = 250,
};

/* milliseconds */
enum {
	TIME_LOOKUP = 30 * 1000,
	TIME_NAME = 10 * 1000, /* the resolver answers within CLIENT_MS */
	TIME_LARGE = 30 * 1000,
	/* a client waits ten minutes for the answer to its last dot: 5321 4.5.3.2.6 */
	TIME_COMMIT = 300 * 1000,
	TIME_GOODBYE = 10 * 1000,
	TIME_PROXY_HEADER = 5 * 1000,
	TIME_RATE = 60 * 1000, /* the period of the rates per client */
};

#endif
