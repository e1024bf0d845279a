/* The settings of this program, read before it is confined. */
#ifndef RESOLVER_SETTINGS_H
#define RESOLVER_SETTINGS_H

#include <stdint.h>

#include "net/ip.h"
#include "proto/conf.h"

enum { SERVERS_MAX = 64, ZONES_MAX = 256, ANCHORS_MAX = 64, PORT_DNS = 53 };

struct server {
	struct ip ip;
	uint16_t port;
};

/* A zone and one of the servers that know it. */
struct zone_server {
	struct str zone;
	struct server server;
};

struct settings {
	struct server forwarders[SERVERS_MAX];
	size_t nforwarders;
	struct zone_server zones[ZONES_MAX]; /* asked as authoritative servers are */
	size_t nzones;
	struct zone_server forwarded[ZONES_MAX]; /* asked as resolvers are */
	size_t nforwarded;
	struct str anchors[ANCHORS_MAX]; /* DS or DNSKEY records as text */
	size_t nanchors;
	bool validate;
	uint64_t timeout; /* milliseconds for one question */
	uint64_t cache; /* bytes */
};

/* "192.0.2.53", "2001:db8::53", "[192.0.2.53]:5353"; -1 if it is none. */
int server_parse(struct str text, struct server *s);

/*
 * Strings are borrowed from c. -1 with a sentence that begins with the setting's file:line in why.
 */
int settings_read(const struct conf *c, struct settings *s, char why[CONF_WHY]);

#endif
