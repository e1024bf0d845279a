/* The settings of this program, read before it is confined. */
#ifndef FETCH_SETTINGS_H
#define FETCH_SETTINGS_H

#include "library.h"
#include "proto/conf.h"

enum { NETWORKS_MAX = 64 };

struct settings {
	uint64_t timeout; /* milliseconds for one request, DNS included */
	uint16_t port; /* of URLs that name none */
	struct cidr networks[NETWORKS_MAX]; /* private ones that may be connected to */
	size_t nnetworks;
	struct place introspect; /* no URL: it is not set */
	char anchors[4096]; /* file */
};

/* -1 with a sentence that begins with the setting's file:line in why. */
int settings_read(const struct conf *c, struct settings *s, char why[CONF_WHY]);

/* May that be connected to? Not what is nobody's or private, unless it is listed. */
bool settings_allow(const struct settings *s, const struct ip *ip);

#endif
