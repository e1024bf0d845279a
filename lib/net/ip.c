/* Numeric addresses and networks. See ip.h. */
#include "net/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void from_six(const uint8_t bytes[16], struct ip *ip)
{
	*ip = (struct ip){ .family = 6 };
	if (memcmp(bytes, mapped, sizeof mapped) == 0) {
		ip->family = 4;
		memcpy(ip->bytes, bytes + sizeof mapped, 4);
	} else {
		memcpy(ip->bytes, bytes, 16);
	}
}

int ip_parse(struct str s, struct ip *ip)
{
	char text[IP_TEXT];
	uint8_t bytes[16];

	*ip = (struct ip){ 0 };
	if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = str_take(str_skip(s, 1), s.n - 2);
	if (str_casestarts(s, STR("IPv6:")))
		s = str_skip(s, 5);
	if (str_copy(s, text, sizeof text) == -1)
		return -1;
	if (inet_pton(AF_INET, text, bytes) == 1) {
		ip->family = 4;
		memcpy(ip->bytes, bytes, 4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return -1;
	from_six(bytes, ip);
	return 0;
}

void ip_from_sockaddr(const struct sockaddr *sa, struct ip *ip)
{
	*ip = (struct ip){ 0 };
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof in);
		ip->family = 4;
		memcpy(ip->bytes, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in;

		memcpy(&in, sa, sizeof in);
		from_six(in.sin6_addr.s6_addr, ip);
	}
}

unsigned ip_to_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof *ss);
	if (ip->family == 6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, ip->bytes, sizeof in6->sin6_addr);
		return sizeof *in6;
	}
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, ip->bytes, sizeof in->sin_addr);
	return sizeof *in;
}

void ip_format(const struct ip *ip, char out[IP_TEXT])
{
	if (ip->family == 0 ||
	    inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->bytes, out, IP_TEXT) == NULL)
		out[0] = '\0';
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool ip_loopback(const struct ip *ip)
{
	static const uint8_t one[16] = { [15] = 1 };

	return (ip->family == 4 && ip->bytes[0] == 127) ||
	       (ip->family == 6 && memcmp(ip->bytes, one, sizeof one) == 0);
}

/* Are the first `bits` bits of both the same? */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, left = bits % 8;

	return memcmp(a, b, whole) == 0 &&
	       (left == 0 || ((a[whole] ^ b[whole]) & (uint8_t)(0xff00 >> left)) == 0);
}

static bool clear_behind(const uint8_t bytes[16], unsigned bits)
{
	for (unsigned i = bits; i < 128; i++) {
		if ((bytes[i / 8] & (0x80 >> i % 8)) != 0)
			return false;
	}
	return true;
}

int cidr_parse(struct str s, struct cidr *c)
{
	ssize_t slash = str_rfind(s, '/');
	struct str text = slash == -1 ? s : str_take(s, (size_t)slash);
	uint64_t bits, most;
	bool six;

	*c = (struct cidr){ 0 };
	if (ip_parse(text, &c->ip) == -1)
		return -1;
	six = str_find(text, ':') != -1;
	most = bits = six ? 128 : 32;
	if (slash != -1 && str_u64(str_skip(s, (size_t)slash + 1), most, &bits) == -1)
		return -1;
	if (six && c->ip.family == 4) { /* ::ffff:192.0.2.0/120 */
		if (bits < 96)
			return -1;
		bits -= 96;
	}
	c->bits = (uint8_t)bits;
	return clear_behind(c->ip.bytes, c->bits) ? 0 : -1;
}

bool cidr_match(const struct cidr *c, const struct ip *ip)
{
	return c->ip.family != 0 && c->ip.family == ip->family &&
	       same_bits(c->ip.bytes, ip->bytes, c->bits);
}

bool ip_public(const struct ip *ip)
{
	static const char *const special[] = { "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10",
		"127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20" };
	static const char *const global = "2000::/3", *const translated = "64:ff9b::/96";
	struct cidr c;

	/* RFC 6052: what an IPv4 address is called where there is IPv6 only */
	if (cidr_parse(str_of(translated), &c) == 0 && cidr_match(&c, ip)) {
		struct ip four = { .family = 4 };

		memcpy(four.bytes, ip->bytes + 12, 4);
		return ip_public(&four);
	}
	if (ip->family == 6 && (cidr_parse(str_of(global), &c) == -1 || !cidr_match(&c, ip)))
		return false;
	for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
		if (cidr_parse(str_of(special[i]), &c) == 0 && cidr_match(&c, ip))
			return false;
	return ip->family != 0;
}
