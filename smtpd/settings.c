/* The settings of this program. See settings.h. */
#include "marks.h"
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"

static struct settings current;

const struct settings *settings(void)
{
	return &current;
}

static void read_networks(const struct conf *c, const char *name, struct networks *n)
{
	size_t count = conf_count(c, name);

	free(n->list);
	n->list = xcalloc(count + 1, sizeof *n->list);
	n->n = 0;
	for (size_t i = 0; i < count; i++) {
		if (cidr_parse(conf_item(c, name, i), &n->list[n->n]) == 0)
			n->n++;
	}
}

bool networks_match(const struct networks *n, const struct ip *ip)
{
	for (size_t i = 0; i < n->n; i++) {
		if (cidr_match(&n->list[i], ip))
			return true;
	}
	return false;
}

static void read_names(const struct conf *c)
{
	struct settings *s = &current;

	if (str_copy(conf_str(c, "hostname"), s->hostname, sizeof s->hostname) == -1 ||
	    s->hostname[0] == '\0') {
		if (gethostname(s->hostname, sizeof s->hostname) == -1)
			str_copy(STR("localhost"), s->hostname, sizeof s->hostname);
		s->hostname[sizeof s->hostname - 1] = '\0';
	}
	if (str_copy(conf_str(c, "origin"), s->origin, sizeof s->origin) == -1 ||
	    s->origin[0] == '\0')
		str_copy(str_of(s->hostname), s->origin, sizeof s->origin);
}

/* RFC 5321 4.1.1.1; LIMITS is RFC 9422. */
static void make_capabilities(struct offer *o)
{
	struct buf b;

	str_free(&o->capabilities);
	buf_init(&b, 1024);
	buf_printf(&b,
	    "250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-SMTPUTF8\r\n250-DSN\r\n"
	    "250 LIMITS MAILMAX=%u RCPTMAX=%u\r\n",
	    (unsigned long long)o->size_limit, current.messages, o->recipients);
	o->capabilities = buf_view(&b);
}

static unsigned number(const struct conf *c, const char *name)
{
	return (unsigned)conf_int(c, name);
}

static void read_offers(const struct conf *c)
{
	struct offer *strangers = &current.strangers, *users = &current.users;

	strangers->size_limit = conf_size(c, "message_size_limit");
	strangers->recipients = number(c, "smtp_recipients");
	strangers->require_tls = conf_bool(c, "smtp_requiretls");
	users->require_tls = conf_bool(c, "submission_requiretls");
	strangers->client_rules = conf_count(c, "client_access") > 0;
	users->client_rules = conf_count(c, "submission_client_access") > 0;
	users->size_limit = conf_size(c, "submission_size_limit");
	users->recipients = number(c, "submission_recipients");
	/* the queue takes none that is larger */
	if (users->size_limit == 0 || users->size_limit > strangers->size_limit)
		users->size_limit = strangers->size_limit;
	make_capabilities(strangers);
	make_capabilities(users);
}

void settings_read(const struct conf *c)
{
	struct settings *s = &current;

	read_names(c);
	s->command_time = conf_time(c, "smtp_command_timeout");
	s->data_time = conf_time(c, "smtp_data_timeout");
	s->greeting_time = conf_time(c, "smtp_greeting_delay");
	s->data_minimum = conf_size(c, "smtp_data_minimum");
	s->connections = number(c, "smtp_connections");
	s->messages = number(c, "smtp_messages");
	s->errors = number(c, "smtp_errors");
	s->hops = number(c, "smtp_hops");
	s->client_connections = number(c, "smtp_client_connections");
	s->client_connection_rate = number(c, "smtp_client_connection_rate");
	s->client_message_rate = number(c, "smtp_client_message_rate");
	s->client_recipient_rate = number(c, "smtp_client_recipient_rate");
	s->client_error_rate = number(c, "smtp_client_error_rate");
	read_networks(c, "trusted_networks", &s->trusted);
	read_networks(c, "smtp_normalise_networks", &s->normalise);
	read_networks(c, "smtp_xclient_networks", &s->xclient);
	read_networks(c, "smtp_proxy_networks", &s->proxy);
	s->client_names = conf_bool(c, "smtp_client_names");
	s->dns_lists = conf_count(c, "dns_lists") > 0;
	s->hold_limit = conf_time(c, "submission_hold_limit");
	s->failure_delay = conf_time(c, "submission_failure_delay");
	s->plaintext_here = conf_bool(c, "submission_plaintext_auth");
	s->bind_sender = conf_bool(c, "submission_bind_sender");
	s->hide_client = conf_bool(c, "submission_hide_client");
	marks_configure(c);
	read_offers(c);
}

enum service service_of(const struct conf_section *listener)
{
	static const struct {
		struct str name;
		enum service service;
	} names[] = {
		{ STR("smtp"), SERVICE_SMTP },
		{ STR("lmtp"), SERVICE_LMTP },
		{ STR("local"), SERVICE_LOCAL },
		{ STR("submission"), SERVICE_SUBMISSION },
		{ STR("submissions"), SERVICE_SUBMISSION },
	};
	struct str s = section_str(listener, "service");
	unsigned i = 0;

	while (!str_eq(s, names[i].name))
		i++;
	return names[i].service;
}
