/* Every number that somebody else can push against. */
#ifndef FETCH_LIMITS_H
#define FETCH_LIMITS_H

enum {
	JOBS_MAX = 256, /* at once, those that wait for DNS or a connection included */
	CONNECTIONS_MAX = 64, /* at once; others wait */
	HOST_CONNECTIONS_MAX = 8, /* of these, to one host */
	HEADER_BYTES_MAX = 32 * 1024, /* of one answer */
	ANCHORS_MAX = 4 * 1024 * 1024, /* bytes of tls_ca_file */
};

#endif
