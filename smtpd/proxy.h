/* The header of the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt). */
#ifndef SMTPD_PROXY_H
#define SMTPD_PROXY_H

#include "base/str.h"
#include "net/ip.h"

enum proxy_result {
	PROXY_MORE, /* not complete yet */
	PROXY_BAD, /* not a header, or longer than allowed */
	PROXY_OWN, /* complete; the proxy speaks for itself (LOCAL), or does not know for whom */
	PROXY_CLIENT, /* complete; *client is for whom */
};

/* Looks at the start of in; *used is the length of a complete header. */
enum proxy_result proxy_parse(struct str in, struct ip *client, size_t *used);

#endif
