/* Every number that somebody else can push against. */
#ifndef FETCH_LIMITS_H
#define FETCH_LIMITS_H

enum {
	JOBS_MAX = 256, /* at once, those that wait for DNS or a connection included */
	HOST_CONNECTIONS_MAX = 8, /* at once; there is no limit for all, or one kind could hold up others */
	HEADER_BYTES_MAX = 32 * 1024, /* of one answer */
	ANCHORS_MAX = 4 * 1024 * 1024, /* bytes of tls_ca_file */
};

#endif
