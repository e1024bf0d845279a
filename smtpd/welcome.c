/* From a connection to its greeting. See welcome.h. */
#include "welcome.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "access.h"
#include "input.h"
#include "names.h"
#include "proto/types.h"
#include "proxy.h"

/* Bytes that the client sent without waiting for the greeting, read or not. */
static bool talks_early(struct session *s)
{
	char c;

	if (s->service == SERVICE_LOCAL)
		return false;
	return s->conn.in.n > 0 || recv(s->conn.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void greet(struct session *s)
{
	const char *host = settings()->hostname;

	if (talks_early(s)) {
		session_end(s, EV("early-talker"), 554, "5.5.0",
		    "%s you have to wait for the greeting", host);
		return;
	}
	session_reply(s, 220, "", "%s %s Thurn", host, session_is_lmtp(s) ? "LMTP" : "ESMTP");
	session_to(s, S_START);
}

static void greet_now(struct session *s)
{
	greet(s);
	session_set_deadline(s);
}

static void delay_over(void *arg)
{
	struct session *s = arg;

	greet(s);
	session_go_on(s);
}

static void client_answered(struct session *s, const struct access_answer *a)
{
	const struct settings *set = settings();

	if (a->status.code >= 400) {
		session_log_refusal(s, EV("client-refused"), STR_NONE, &a->status, a->rule);
		session_end(s, EV("turned-away"), a->status.code < 500 ? 421 : 554,
		    a->status.enhanced, "%s %s", set->hostname, a->status.text);
		return;
	}
	if (set->greeting_time == 0 || s->trusted) {
		greet(s);
		return;
	}
	timer_set(&s->delay, set->greeting_time, delay_over, s);
}

/* Connections of one client. True if this is one too many. */
static bool over_client_limits(struct session *s)
{
	const struct settings *set = settings();
	uint64_t now = loop_now();
	unsigned rate;

	s->counts = client_open(&s->ip, now);
	rate = client_count(s->counts, CLIENT_CONNECT, now);
	if (set->client_connections != 0 && client_connections(s->counts) > set->client_connections)
		return true;
	if (set->client_error_rate != 0 &&
	    client_rate(s->counts, CLIENT_ERROR, now) > set->client_error_rate)
		return true;
	return set->client_connection_rate != 0 && rate > set->client_connection_rate;
}

/* The client is who he is (again): logged, and counted. False if he has had his share. */
static bool welcome(struct session *s)
{
	if (s->counts != NULL)
		client_close(s->counts, loop_now());
	s->counts = NULL;
	ip_format(&s->ip, s->client);
	s->trusted = networks_match(&settings()->trusted, &s->ip);
	if (!s->quiet)
		log_info(
		    &s->tag, EV("connect"), KZ("client", s->client), KZ("listener", s->listener));
	return s->trusted || !over_client_limits(s);
}

void welcome_admit(struct session *s)
{
	bool known = s->state == S_TLS; /* from before the handshake */

	if (s->state != S_CONNECT)
		session_to(s, S_CONNECT);
	if (s->service == SERVICE_LOCAL) {
		str_copy(STR("local"), s->client, sizeof s->client);
		s->trusted = true;
		greet_now(s);
		return;
	}
	if (!known && !welcome(s)) {
		session_end(s, EV("client-limit"), 421, "4.7.0",
		    "%s too many connections from %s, try again later", settings()->hostname,
		    s->client);
		return;
	}
	name_find(s);
	/* nothing to ask; but behind XCLIENT or PROXY, whose line is still being handled, the
	 * answer is what separates it from bytes that came too early */
	if (s->trusted && !session_offer(s)->client_rules && s->conn.in.n == 0)
		greet_now(s);
	else
		access_ask(s, LOOKUP_CLIENT, STR_NONE, client_answered);
}

void welcome_begin(struct session *s)
{
	if (s->secure == NULL || secure_mode(s->secure) != SECURE_IMPLICIT)
		welcome_admit(s);
	else if (welcome(s))
		session_to(s, S_TLS);
	else
		session_cut(s, EV("client-limit")); /* nothing can be said before the handshake */
}

void welcome_tls(struct session *s, bool first)
{
	struct tls_context *context = secure_context(s->secure);

	if (context == NULL || conn_tls_accept(&s->conn, context, first) == -1)
		session_cut(s, EV("no-certificate"));
}

void welcome_secured(struct conn *c)
{
	struct session *s = c->owner;

	secure_log(&s->tag, s->client, c);
	if (secure_mode(s->secure) == SECURE_IMPLICIT) {
		welcome_admit(s);
		return;
	}
	session_to(s, S_START);
	session_go_on(s);
}

void proxy_input(struct session *s, struct str *in)
{
	struct ip client;
	size_t used;

	switch (proxy_parse(*in, &client, &used)) {
	case PROXY_MORE:
		return;
	case PROXY_BAD:
		ip_format(&s->ip, s->client);
		session_cut(s, EV("bad-proxy-header"));
		return;
	case PROXY_OWN:
		s->quiet = true; /* a health check */
		break;
	case PROXY_CLIENT:
		s->ip = client;
		break;
	}
	*in = str_skip(*in, used);
	welcome_begin(s);
}
