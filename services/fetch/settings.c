/* The settings of this program. See settings.h. */
#include "settings.h"

#include <stdarg.h>
#include <stdio.h>

static int read_networks(const struct conf *c, struct settings *s, char *why)
{
	size_t n = conf_count(c, "fetch_private_networks");

	if (n > NETWORKS_MAX)
		return conf_fault(c, "fetch_private_networks", why, "more than %d", NETWORKS_MAX);
	for (size_t i = 0; i < n; i++)
		cidr_parse(conf_item(c, "fetch_private_networks", i), &s->networks[s->nnetworks++]);
	return 0;
}

static bool may_connect(const struct conf *c, uint16_t port)
{
	uint64_t n;

	for (size_t i = 0; i < conf_count(c, "fetch_ports"); i++)
		if (str_u64(conf_item(c, "fetch_ports", i), UINT16_MAX, &n) == 0 && n == port)
			return true;
	return false;
}

static int read_introspect(const struct conf *c, struct settings *s, char *why)
{
	struct str url = conf_str(c, "oauth_introspection_url");

	if (url.n == 0)
		return 0;
	if (place_parse(url, s->port, &s->introspect) == -1)
		return conf_fault(
		    c, "oauth_introspection_url", why, "\"%.*s\" is no https URL", STR_ARG(url));
	if (!may_connect(c, s->introspect.port))
		return conf_fault(c, "oauth_introspection_url", why,
		    "port %u is not in fetch_ports", s->introspect.port);
	return 0;
}

int settings_read(const struct conf *c, struct settings *s, char why[CONF_WHY])
{
	*s = (struct settings){
		.timeout = conf_time(c, "fetch_timeout"),
		.port = (uint16_t)conf_int(c, "fetch_port"),
	};
	if (str_copy(conf_str(c, "tls_ca_file"), s->anchors, sizeof s->anchors) == -1)
		return conf_fault(c, "tls_ca_file", why, "too long");
	if (!may_connect(c, s->port))
		return conf_fault(c, "fetch_port", why, "%u is not in fetch_ports", s->port);
	if (read_networks(c, s, why) == -1)
		return -1;
	return read_introspect(c, s, why);
}

bool settings_allow(const struct settings *s, const struct ip *ip)
{
	for (size_t i = 0; i < s->nnetworks; i++)
		if (cidr_match(&s->networks[i], ip))
			return true;
	return ip_public(ip);
}
