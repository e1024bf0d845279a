/* Names of clients. See names.h. */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "limits.h"
#include "peers.h"
#include "proto/lookup.h"
#include "proto/resolve.h"
#include "proto/types.h"

static uint8_t state_of(const struct client_reply *r)
{
	if (r->name_status == DNS_OK)
		return NAME_CONFIRMED;
	if (!dns_empty(r->name_status))
		return NAME_FAILED;
	return r->reverse.n > 0 ? NAME_UNCONFIRMED : NAME_NONE;
}

/* "zone (127.0.0.2): why" */
static char *listing(const struct client_reply *r)
{
	char code[IP_TEXT], text[ACCESS_LISTED_MAX + 1];

	ip_format(&r->list_code, code);
	snprintf(text, sizeof text, "%.*s (%s)%s%.*s", STR_ARG(r->list), code,
	    r->list_text.n > 0 ? ": " : "", STR_ARG(r->list_text));
	for (char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return xstrdup(text);
}

static void take(struct session *s, const struct client_reply *r)
{
	/* it was asked for other clients' names only where those are wanted */
	if (settings()->client_names) {
		s->name_state = state_of(r);
		s->name = r->name.n > 0 ? str_dup(r->name) : NULL;
	}
	if (r->list.n > 0)
		s->listed = listing(r);
	if (r->list_failed)
		log_info(&s->tag, EV("dns-list-silent"), KZ("client", s->client));
}

static void answered(struct ask *a, struct ipc_msg *m)
{
	struct session *s = a->arg;
	void (*then)(struct session * s) = s->named;
	struct client_reply r = { .name_status = DNS_TEMPORARY };
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != RESOLVE_CLIENT || get_client_reply(&g, &r) == -1)
		r = (struct client_reply){ .name_status = DNS_TEMPORARY };
	take(s, &r);
	s->naming = false;
	s->named = NULL;
	if (then == NULL)
		return;
	session_answer(s);
	then(s);
	session_go_on(s);
}

void name_find(struct session *s)
{
	const struct settings *set = settings();
	struct client_question q = { .trace = s->tag.trace,
		.ip = s->ip,
		.name = set->client_names,
		.lists = set->dns_lists && s->service == SERVICE_SMTP && !s->trusted };
	struct put w;

	name_forget(s);
	if (ip_loopback(&s->ip) && set->client_names) {
		s->name = xstrdup("localhost");
		s->name_state = NAME_CONFIRMED;
		return;
	}
	if (s->ip.family == 0 || s->quiet || (!q.name && !q.lists))
		return;
	w = put_start();
	put_client_question(&w, &q);
	s->naming = true;
	chan_ask(
	    peer(ROLE_RESOLVER), &s->name_ask, RESOLVE_CLIENT, &w, NULL, 0, TIME_NAME, answered, s);
}

bool name_wait(struct session *s, void (*then)(struct session *s))
{
	/* nothing depends on the name of whom we trust */
	if (!s->naming || s->trusted)
		return false;
	s->named = then;
	session_wait(s);
	return true;
}

void name_forget(struct session *s)
{
	ask_cancel(&s->name_ask);
	free(s->name);
	free(s->listed);
	s->name = s->listed = NULL;
	s->name_state = NAME_UNASKED;
	s->naming = false;
	s->named = NULL;
}
