/* Every number that a remote server can push against, in one place. */
#ifndef REMOTE_LIMITS_H
#define REMOTE_LIMITS_H

enum {
	/* RFC 5321 4.5.3.1.5 says 512; servers in the wild say more */
	REPLY_LINE_MAX = 4096,
	REPLY_LINES_MAX = 256,
	REPLY_BYTES_MAX = 64 * 1024,

	ANCHORS_MAX = 4 * 1024 * 1024, /* bytes of tls_ca_file */
	HOP_ADDRESSES_MAX = 20, /* addresses tried for one job */
	HOP_HOST_MAX = 255,

	/* a group of pipelined commands: MAIL and JOB_RCPTS times RCPT with all parameters */
	OUT_MAX = 512 * 1024,
	LINE_LENGTH = 998, /* bytes without CRLF: RFC 5321 4.5.3.1.6 */
	BLOCK = 64 * 1024, /* of the message, read and sent at a time */
};

#endif
