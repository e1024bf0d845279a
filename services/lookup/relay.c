/* Where mail for other hosts goes. See relay.h. */
#include "relay.h"

/* DUNNO ends the search without a result, as in Postfix. */
static enum found by_sender(
    struct run *r, const struct maps *m, struct str sender, struct table_answer *out)
{
	enum found f = run_find_sender(r, m, sender, out);

	return f == FOUND && str_caseeq(out->value, STR("DUNNO")) ? FOUND_NONE : f;
}

/* Mail for others has no mailbox here. */
static bool leads_away(const struct nexthop *hop)
{
	return hop->transport != TRANSPORT_MAILDIR;
}

const char *relay_check_transport(struct str text)
{
	struct nexthop hop;

	if (nexthop_parse(text, &hop) == -1)
		return "not transport:nexthop of a known transport";
	return leads_away(&hop) ? NULL : "mail for other hosts has no mailbox here";
}

static void set_transport(struct nexthop *out, struct str text)
{
	nexthop_parse(text, out);
	if (out->transport == NEXTHOP_DEFAULT) {
		out->transport = TRANSPORT_SMTP;
		out->fallback = true;
	}
}

static enum found find_transport(
    struct run *r, struct str sender, struct nexthop *out, struct str *rule)
{
	struct policy *p = r->policy;
	struct table_answer a;
	enum found f = by_sender(r, &p->sender_transport, sender, &a);
	const char *why;

	if (f == FOUND_FAILED)
		return f;
	if (f == FOUND) {
		why = relay_check_transport(a.value);
		if (why != NULL)
			return run_fail(r, a.rule, str_of(why));
		*rule = a.rule;
		set_transport(out, a.value);
		return f;
	}
	set_transport(out, p->default_transport);
	if (!str_eq(p->default_transport, STR("smtp:")))
		*rule = arena_printf(
		    r->arena, "default_transport (%.*s)", STR_ARG(p->default_transport_where));
	return FOUND;
}

enum found relay_find(
    struct run *r, struct str sender, bool ours, struct nexthop *out, struct str *rule)
{
	struct policy *p = r->policy;
	struct table_answer a;
	enum found f;

	*out = (struct nexthop){ .transport = TRANSPORT_SMTP, .host = STR_NONE };
	if (!ours && find_transport(r, sender, out, rule) == FOUND_FAILED)
		return FOUND_FAILED;
	if (out->host.n > 0 ||
	    (out->transport != TRANSPORT_SMTP && out->transport != TRANSPORT_LMTP))
		return FOUND;
	f = by_sender(r, &p->sender_relayhost, sender, &a);
	if (f == FOUND_FAILED)
		return f;
	if (f == FOUND && a.value.n > NEXTHOP_MAX)
		return run_fail(r, a.rule, STR("too long for a list of next hops"));
	if (f == FOUND) {
		out->host = str_trim(a.value);
		*rule = a.rule;
	} else if (p->relayhost.n > 0) {
		out->host = p->relayhost;
		*rule = arena_printf(r->arena, "relayhost (%.*s)", STR_ARG(p->relayhost_where));
	}
	return FOUND;
}
