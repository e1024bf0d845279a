/* Next hops and their addresses. See nexthop.h. */
#include "nexthop.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "mail/domain.h"
#include "mail/utf8.h"
#include "proto/lookup.h"

enum { PORT_MAX = 65535 };

struct host {
	char name[HOP_HOST_MAX + 1];
	struct addresses addresses;
};

static struct host *hosts;
static size_t nhosts;

/* --- the text --------------------------------------------------------------------------------- */

static bool host_char(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-' || c == '.' || c == '_';
}

/* A name or a numeric address; in text of a route, so its form was not checked before. */
static int take_host(struct str s, struct nexthop *h)
{
	if (ip_parse(s, &h->ip) == 0) {
		char text[IP_TEXT];

		ip_format(&h->ip, text);
		return str_copy(str_of(text), h->host, sizeof h->host);
	}
	h->ip = (struct ip){ 0 };
	if (!str_is_ascii(s)) { /* U-labels: asked for and compared as A-labels (RFC 5891) */
		char name[DOMAIN_MAX + 1];

		return domain_canonical(s, true, name) == -1
			   ? -1
			   : str_copy(str_of(name), h->host, sizeof h->host);
	}
	if (s.n == 0 || s.n > HOP_HOST_MAX)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (!host_char(s.p[i]))
			return -1;
		h->host[i] = ascii_lower(s.p[i]);
	}
	h->host[s.n] = '\0';
	return 0;
}

static int take_port(struct str s, struct nexthop *h)
{
	uint64_t port;

	if (str_u64(s, PORT_MAX, &port) == -1 || port == 0)
		return -1;
	h->port = (uint16_t)port;
	return 0;
}

int nexthop_parse(struct str text, uint16_t default_port, struct nexthop *h)
{
	ssize_t end;

	*h = (struct nexthop){ .port = default_port };
	if (str_starts(text, STR("unix:/")))
		return str_copy(text, h->host, sizeof h->host);
	if (text.n > 0 && text.p[0] == '[') {
		end = str_find(text, ']');
		if (end == -1 || take_host(str_take(str_skip(text, 1), (size_t)end - 1), h) == -1)
			return -1;
		h->bracketed = true;
		text = str_skip(text, (size_t)end + 1);
		if (text.n == 0)
			return 0;
		return text.p[0] == ':' ? take_port(str_skip(text, 1), h) : -1;
	}
	end = str_rfind(text, ':');
	if (end == -1)
		return take_host(text, h);
	/* an IPv6 address needs brackets: its last group would be taken for a port */
	if (take_host(str_take(text, (size_t)end), h) == -1 || h->ip.family == 6)
		return -1;
	return take_port(str_skip(text, (size_t)end + 1), h);
}

struct str nexthop_path(const struct nexthop *h)
{
	const struct str prefix = STR("unix:"), host = str_of(h->host);

	return str_starts(host, prefix) ? str_skip(host, prefix.n) : STR_NONE;
}

/* --- names ------------------------------------------------------------------------------------ */

/* "name=address,address" */
static int add_host(struct host *h, struct str text)
{
	struct str name, address;

	if (!str_cut(&text, '=', &name) || text.p == NULL || name.n == 0 || name.n > HOP_HOST_MAX)
		return -1;
	for (size_t i = 0; i < name.n; i++)
		h->name[i] = ascii_lower(name.p[i]);
	while (str_cut(&text, ',', &address))
		if (h->addresses.n == HOP_ADDRESSES_MAX ||
		    ip_parse(address, &h->addresses.ip[h->addresses.n++]) == -1)
			return -1;
	return 0;
}

int nexthop_configure(const struct conf *c)
{
	size_t n = conf_count(c, "static_hosts");
	struct host *list = xcalloc(n + 1, sizeof *list);

	for (size_t i = 0; i < n; i++) {
		struct str item = conf_item(c, "static_hosts", i);

		if (add_host(&list[i], item) == -1) {
			log_error(NULL, EV("remote-bad-static-host"), KS("value", item));
			free(list);
			return -1;
		}
	}
	free(hosts);
	hosts = list;
	nhosts = n;
	return 0;
}

const struct addresses *nexthop_static(const char *name)
{
	static const struct addresses localhost = {
		.ip = { { .family = 4, .bytes = { 127, 0, 0, 1 } },
		    { .family = 6, .bytes = { [15] = 1 } } },
		.n = 2,
	};

	for (size_t i = 0; i < nhosts; i++)
		if (strcmp(hosts[i].name, name) == 0)
			return &hosts[i].addresses;
	return strcmp(name, "localhost") == 0 ? &localhost : NULL;
}

bool nexthop_by_mx(const struct nexthop *h, uint8_t transport)
{
	return !h->bracketed && transport == TRANSPORT_SMTP;
}
