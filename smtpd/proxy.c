/* The header of the PROXY protocol. See proxy.h. */
#include "proxy.h"

#include <string.h>

#include "limits.h"

enum {
	V1_MAX = 107, /* the text form, with its CRLF */
	V2_HEAD = 16,
	V2_LOCAL = 0x20,
	V2_PROXY = 0x21,
	V2_TCP4 = 0x11,
	V2_TCP6 = 0x21,
};

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* An address of the family that the header announced. */
static int parse_address(struct str s, uint8_t family, struct ip *ip)
{
	bool six = str_find(s, ':') != -1;

	if (s.n == 0 || s.p[0] == '[' || six != (family == 6))
		return -1;
	return ip_parse(s, ip);
}

static enum proxy_result parse_v1(struct str in, struct ip *client, size_t *used)
{
	struct str rest = str_take(in, V1_MAX), family, src, dst, sport, dport, extra;
	ssize_t lf = str_find(rest, '\n');
	struct ip scrap;
	uint64_t port;
	uint8_t f;

	if (lf == -1)
		return in.n >= V1_MAX ? PROXY_BAD : PROXY_MORE;
	if (lf == 0 || in.p[lf - 1] != '\r')
		return PROXY_BAD;
	*used = (size_t)lf + 1;
	rest = str_skip(str_take(in, (size_t)lf - 1), 6); /* "PROXY " */
	if (!str_word(&rest, &family))
		return PROXY_BAD;
	if (str_eq(family, STR("UNKNOWN")))
		return PROXY_OWN;
	if (!str_eq(family, STR("TCP4")) && !str_eq(family, STR("TCP6")))
		return PROXY_BAD;
	f = family.p[3] == '4' ? 4 : 6;
	if (!str_word(&rest, &src) || !str_word(&rest, &dst) || !str_word(&rest, &sport) ||
	    !str_word(&rest, &dport) || str_word(&rest, &extra) ||
	    parse_address(src, f, client) == -1 || parse_address(dst, f, &scrap) == -1 ||
	    str_u64(sport, 65535, &port) == -1 || str_u64(dport, 65535, &port) == -1)
		return PROXY_BAD;
	return PROXY_CLIENT;
}

static enum proxy_result parse_v2(struct str in, struct ip *client, size_t *used)
{
	const uint8_t *p = (const uint8_t *)in.p;
	char text[IP_TEXT];
	struct ip ip = { 0 };
	size_t length;

	if (in.n < V2_HEAD)
		return PROXY_MORE;
	length = (size_t)p[14] << 8 | p[15];
	if ((p[12] != V2_LOCAL && p[12] != V2_PROXY) || length > LIMIT_PROXY_HEADER - V2_HEAD)
		return PROXY_BAD;
	if (in.n < V2_HEAD + length)
		return PROXY_MORE;
	*used = V2_HEAD + length;
	if (p[12] == V2_LOCAL || p[13] == 0)
		return PROXY_OWN;
	if (p[13] == V2_TCP4 && length >= 12) {
		ip.family = 4;
		memcpy(ip.bytes, p + V2_HEAD, 4);
	} else if (p[13] == V2_TCP6 && length >= 36) {
		ip.family = 6;
		memcpy(ip.bytes, p + V2_HEAD, 16);
	} else {
		return PROXY_BAD;
	}
	ip_format(&ip, text);
	/* once more through the parser, so that a mapped IPv4 address is one */
	return ip_parse(str_of(text), client) == 0 ? PROXY_CLIENT : PROXY_BAD;
}

enum proxy_result proxy_parse(struct str in, struct ip *client, size_t *used)
{
	struct str v2 = str_bytes(v2_signature, sizeof v2_signature);

	if (in.n >= 6 && str_starts(in, STR("PROXY ")))
		return parse_v1(in, client, used);
	if (in.n >= v2.n && str_starts(in, v2))
		return parse_v2(in, client, used);
	if (str_starts(STR("PROXY "), in) || str_starts(v2, in))
		return PROXY_MORE;
	return PROXY_BAD;
}
