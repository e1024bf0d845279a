/*
 * Numeric addresses and networks. An IPv4 address mapped into IPv6 (::ffff:192.0.2.1) is IPv4.
 */
#ifndef NET_IP_H
#define NET_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { IP_TEXT = 46 }; /* bytes for any formatted address with its NUL */

struct ip {
	uint8_t family; /* 4, 6, or 0 = none */
	uint8_t bytes[16];
};

struct cidr {
	struct ip ip;
	uint8_t bits;
};

/* "192.0.2.1", "2001:db8::1"; also in brackets and with "IPv6:" before. -1 if it is neither. */
int ip_parse(struct str s, struct ip *ip);
/* Out of a struct sockaddr_in or sockaddr_in6; family 0 for others. */
struct sockaddr;
void ip_from_sockaddr(const struct sockaddr *sa, struct ip *ip);
struct sockaddr_storage;
/* The reverse; returns its length. */
unsigned ip_to_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *ss);
void ip_format(const struct ip *ip, char out[IP_TEXT]); /* "" for none */
bool ip_eq(const struct ip *a, const struct ip *b);
bool ip_loopback(const struct ip *ip);
/* Of a host of the Internet: none of the ranges that are private, local or reserved (RFC 6890). */
bool ip_public(const struct ip *ip);

/*
 * "192.0.2.0/24", "2001:db8::/32", "[2001:db8::]/32", or one address. Bits set behind the mask are
 * a mistake of whoever wrote it: -1, as is everything malformed.
 */
int cidr_parse(struct str s, struct cidr *c);
bool cidr_match(const struct cidr *c, const struct ip *ip);

#endif
