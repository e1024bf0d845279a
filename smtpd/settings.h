/* The settings of this program, read once: a new configuration starts a new process. */
#ifndef SMTPD_SETTINGS_H
#define SMTPD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/domain.h"
#include "net/ip.h"
#include "proto/conf.h"

struct networks {
	struct cidr *list;
	size_t n;
};

/* What differs between the port for everybody and submission. */
struct offer {
	uint64_t size_limit; /* bytes */
	unsigned recipients;
	bool require_tls; /* REQUIRETLS, under TLS */
	bool client_rules; /* there are some: lookup has to be asked about every client */
	struct str capabilities; /* the lines of an EHLO reply behind the first */
};

struct settings {
	char hostname[DOMAIN_MAX + 1];
	char origin[DOMAIN_MAX + 1]; /* domain for addresses without one */
	uint64_t command_time, data_time, greeting_time; /* milliseconds */
	uint64_t data_minimum; /* bytes */
	unsigned connections, messages, errors, hops;
	unsigned client_connections; /* these: 0 = no limit */
	unsigned client_connection_rate, client_message_rate, client_recipient_rate,
	    client_error_rate;
	struct networks trusted, normalise, xclient, proxy;
	uint64_t hold_limit; /* milliseconds that a user may keep a message back; 0 = not at all */
	uint64_t failure_delay; /* milliseconds, of a wrong login */
	bool client_names; /* they are looked up */
	bool dns_lists; /* there are some */
	bool plaintext_here; /* clients on this host may log in without TLS */
	bool bind_sender; /* users send in their own name only */
	bool hide_client; /* Received says nothing of who submitted */
	struct offer strangers, users;
};

/* May be called again (in tests). */
void settings_read(const struct conf *c);
const struct settings *settings(void);

bool networks_match(const struct networks *n, const struct ip *ip);

/* What is spoken at a listener. */
enum service { SERVICE_SMTP, SERVICE_LMTP, SERVICE_LOCAL, SERVICE_SUBMISSION };
enum service service_of(const struct conf_section *listener);

#endif
