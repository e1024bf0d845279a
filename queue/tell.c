/* The events of the queue. See tell.h. */
#include "tell.h"

#include <stdio.h>

#include "mail/said.h"

void tell_accepted(const struct message *m, const char *how)
{
	const struct envelope *e = &m->content.envelope;

	log_notice(&m->tag, EV("message-accepted"), KS("from", e->sender),
	    KI("size", m->layout.body_size), KI("nrcpt", e->nrcpts), KS("client", e->client),
	    KS("helo", e->helo), KS("protocol", e->protocol), KS("login", e->login),
	    KZ("how", how));
}

/* The next hop that was used last; without any, empty. */
static struct way_hop hop_of(const struct target *t)
{
	struct way y;

	if (t->route == NULL || t->route->way.n == 0 || way_decode(t->route->way, &y) == -1 ||
	    t->hop >= y.n)
		return (struct way_hop){ .nexthop = STR_NONE };
	return y.hop[t->hop];
}

static void tell_target(const struct message *m, const struct target *t, const char *event)
{
	static const struct status none;
	const struct envelope_rcpt *r = target_rcpt(m, t);
	const struct status *st = t->status != NULL ? t->status : &none;
	struct str to = t->route != NULL ? t->route->addr : r->addr;
	struct str relay = t->relay;
	struct way_hop hop = hop_of(t);
	char text[STATUS_TEXT_MAX + 8], reason[SAID_WHY_MAX];
	struct str why = said_why(t->relay, str_of(st->text), reason);

	if (relay.n == 0 && t->route != NULL && t->route->transport == TRANSPORT_MAILDIR)
		relay = STR("maildir");
	/* as whoever said it put it */
	if (why.p != reason) {
		snprintf(text, sizeof text, "%d %s", st->code, st->text);
		why = str_of(text);
	}
	log_notice(&m->tag, event, KS("to", to),
	    KS("orig_to", str_eq(to, r->addr) ? STR_NONE : r->addr),
	    KS("relay", relay.n > 0 ? relay : STR("none")), KS("tls", t->tls),
	    KS("tls_policy", hop.tls), KS("tls_rule", hop.tls_rule),
	    KI("delay", wall_millis() - m->content.envelope.arrival / 1000),
	    KZ("dsn", st->enhanced), KS("status", why),
	    KS("rule", t->route != NULL ? t->route->rule : STR_NONE));
}

void tell_delivered(const struct message *m, const struct target *t)
{
	tell_target(m, t, EV("delivered"));
}

void tell_deferred(const struct message *m, const struct target *t)
{
	tell_target(m, t, EV("deferred"));
}

void tell_bounced(const struct message *m, const struct target *t)
{
	tell_target(m, t, EV("bounced"));
}

void tell_expired(const struct message *m, const struct target *t)
{
	tell_target(m, t, EV("expired"));
}

void tell_redirected(const struct message *m, const struct target *t)
{
	log_notice(&m->tag, EV("redirected"),
	    KS("to", t->route != NULL ? t->route->addr : target_rcpt(m, t)->addr),
	    KS("new_to", m->redirect->to), KS("nexthop", m->redirect->filter));
}

void tell_untold(struct message *m)
{
	for (uint32_t i = 0; i < m->ntargets; i++) {
		struct target *t = &m->targets[i];

		if (!t->untold)
			continue;
		t->untold = false;
		tell_target(m, t,
		    t->state == SLOT_DONE     ? EV("delivered")
		    : t->state == SLOT_FAILED ? EV("bounced")
					      : EV("deferred"));
	}
}

void tell_message(const struct message *m, const char *event)
{
	log_notice(&m->tag, event, KS("from", m->content.envelope.sender),
	    KI("size", m->layout.body_size), KI("nrcpt", m->content.envelope.nrcpts));
}
