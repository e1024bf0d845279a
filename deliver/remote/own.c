/* Names and addresses of this host. See own.h. */
#include "own.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/here.h"

enum { PORT_SMTP = 25 };

struct place {
	struct ip ip;
	uint16_t port; /* 0 = any */
};

struct places {
	struct place *at;
	size_t n;
};

static struct places interfaces, listeners;
static char hostname[256];

static void add(struct places *p, const struct ip *ip, uint16_t port)
{
	p->at = xreallocarray(p->at, p->n + 1, sizeof *p->at);
	p->at[p->n++] = (struct place){ *ip, port };
}

static bool contains(const struct places *p, const struct ip *ip)
{
	for (size_t i = 0; i < p->n; i++)
		if (ip_eq(&p->at[i].ip, ip))
			return true;
	return false;
}

static bool any_address(const struct ip *ip)
{
	return ip_eq(ip, &(struct ip){ .family = ip->family });
}

void own_look(void)
{
	struct ifaddrs *list = NULL;
	struct ip ip;

	if (getifaddrs(&list) == -1) {
		log_warning(NULL, EV("remote-no-interfaces"));
		return;
	}
	for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		ip_from_sockaddr(i->ifa_addr, &ip);
		if (ip.family != 0)
			add(&interfaces, &ip, 0);
	}
	freeifaddrs(list);
}

void own_look_for_sources(const struct conf *c)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "source", i)) != NULL; i++) {
		for (size_t k = 0; k < section_count(s, "address"); k++) {
			struct str text = section_item(s, "address", k);
			struct ip ip;
			int error = ip_parse(text, &ip) == 0 ? here_check(&ip) : EINVAL;

			if (error != 0)
				log_error(NULL, EV("remote-source-missing"),
				    KS("source", section_title(s)), KS("address", text),
				    KZ("error", strerror(error)));
		}
	}
}

static int add_listener(struct places *p, const struct conf_section *s)
{
	struct ip ip;

	if (!str_eq(section_str(s, "service"), STR("smtp")) || section_str(s, "path").n > 0)
		return 0;
	for (size_t i = 0; i < section_count(s, "address"); i++) {
		if (ip_parse(section_item(s, "address", i), &ip) == -1)
			return -1;
		add(p, &ip, (uint16_t)section_int(s, "port"));
	}
	return 0;
}

int own_configure(const struct conf *c)
{
	const struct conf_section *s;
	struct places now = { 0 };
	struct ip ip;
	int r = 0;

	for (size_t i = 0; r == 0 && i < conf_count(c, "own_addresses"); i++) {
		r = ip_parse(conf_item(c, "own_addresses", i), &ip);
		if (r == 0)
			add(&now, &ip, 0);
	}
	for (size_t i = 0; r == 0 && (s = conf_section(c, "listener", i)) != NULL; i++)
		r = add_listener(&now, s);
	if (r == -1) {
		free(now.at);
		return -1;
	}
	free(listeners.at);
	listeners = now;
	str_copy(conf_str(c, "hostname"), hostname, sizeof hostname);
	return 0;
}

bool own_name(struct str host)
{
	return str_caseeq(host, str_of(hostname));
}

/* A listener at any address of its family takes what comes to an interface. */
static bool reaches(const struct place *p, const struct ip *ip, uint16_t port)
{
	if (p->port != 0 && p->port != port)
		return false;
	if (ip_eq(&p->ip, ip))
		return true;
	return p->port != 0 && any_address(&p->ip) && p->ip.family == ip->family &&
	       (ip_loopback(ip) || contains(&interfaces, ip));
}

bool own_address(const struct ip *ip, uint16_t port)
{
	if (any_address(ip) || (port == PORT_SMTP && ip_loopback(ip)))
		return true;
	for (size_t i = 0; i < listeners.n; i++)
		if (reaches(&listeners.at[i], ip, port))
			return true;
	return false;
}
