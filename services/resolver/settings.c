/* The settings of this program. See settings.h. */
#include "settings.h"

#include <stdarg.h>
#include <stdio.h>

#include "net/dns.h"

/* The keys of the root zone, as IANA publishes them (root-anchors.xml): KSK-2017 and KSK-2024. */
static const char *const root_keys[] = {
	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
	". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
};

int server_parse(struct str text, struct server *s)
{
	ssize_t end = str_rfind(text, ']');
	uint64_t port = PORT_DNS;
	struct str behind;

	*s = (struct server){ .port = PORT_DNS };
	if (end == -1)
		return ip_parse(text, &s->ip);
	behind = str_skip(text, (size_t)end + 1);
	if (ip_parse(str_take(text, (size_t)end + 1), &s->ip) == -1)
		return -1;
	if (behind.n > 0 && (behind.p[0] != ':' ||
				str_u64(str_skip(behind, 1), UINT16_MAX, &port) == -1 || port == 0))
		return -1;
	s->port = (uint16_t)port;
	return 0;
}

static int read_forwarders(const struct conf *c, struct settings *s, char *why)
{
	s->nforwarders = conf_count(c, "dns_forwarders");
	if (s->nforwarders > SERVERS_MAX)
		return conf_fault(c, "dns_forwarders", why, "more than %d", SERVERS_MAX);
	for (size_t i = 0; i < s->nforwarders; i++) {
		struct str item = conf_item(c, "dns_forwarders", i);

		if (server_parse(item, &s->forwarders[i]) == -1)
			return conf_fault(c, "dns_forwarders", why,
			    "\"%.*s\" is no address, nor [address]:port", STR_ARG(item));
	}
	return 0;
}

/* "zone=server,server" */
static int read_zones(const struct conf *c, const char *setting,
    struct zone_server zones[ZONES_MAX], size_t *n, char *why)
{
	for (size_t i = 0; i < conf_count(c, setting); i++) {
		struct str item = conf_item(c, setting, i), rest = item, zone, server;

		if (!str_cut(&rest, '=', &zone) || !dns_name_valid(zone) || rest.p == NULL)
			return conf_fault(
			    c, setting, why, "\"%.*s\" is not zone=server,server", STR_ARG(item));
		while (str_cut(&rest, ',', &server)) {
			if (*n == ZONES_MAX)
				return conf_fault(
				    c, setting, why, "more than %d servers", ZONES_MAX);
			zones[*n].zone = zone;
			if (server_parse(server, &zones[(*n)++].server) == -1)
				return conf_fault(c, setting, why,
				    "\"%.*s\" is no address, nor [address]:port", STR_ARG(server));
		}
	}
	return 0;
}

static int read_anchors(const struct conf *c, struct settings *s, char *why)
{
	size_t n = conf_count(c, "dns_trust_anchors");

	if (n > ANCHORS_MAX)
		return conf_fault(c, "dns_trust_anchors", why, "more than %d", ANCHORS_MAX);
	for (size_t i = 0; i < n; i++)
		s->anchors[s->nanchors++] = conf_item(c, "dns_trust_anchors", i);
	for (size_t i = 0; n == 0 && i < sizeof root_keys / sizeof root_keys[0]; i++)
		s->anchors[s->nanchors++] = str_of(root_keys[i]);
	return 0;
}

int settings_read(const struct conf *c, struct settings *s, char why[CONF_WHY])
{
	*s = (struct settings){
		.validate = conf_bool(c, "dns_validation"),
		.timeout = conf_time(c, "dns_timeout"),
		.cache = conf_size(c, "dns_cache_size"),
	};
	if (read_forwarders(c, s, why) == -1 ||
	    read_zones(c, "dns_stub_zones", s->zones, &s->nzones, why) == -1 ||
	    read_zones(c, "dns_zone_forwarders", s->forwarded, &s->nforwarded, why) == -1)
		return -1;
	return read_anchors(c, s, why);
}
