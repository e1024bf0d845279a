/* Questions to services/policy and their answers. See policy.h. */
#include "proto/policy.h"

#include "net/dns.h"

const char *sts_mode_name(uint8_t mode)
{
	static const char *const names[STS_MODES] = { "none", "testing", "enforce" };

	return mode < STS_MODES ? names[mode] : "?";
}

void put_policy_question(struct put *w, const struct policy_question *q)
{
	put_u64(w, q->trace);
	put_str(w, q->domain);
	put_str(w, q->host);
}

int get_policy_question(struct get *g, struct policy_question *q)
{
	q->trace = get_u64(g);
	q->domain = get_line(g, DNS_NAME_MAX);
	q->host = get_line(g, DNS_NAME_MAX);
	if (!dns_name_valid(q->domain) || !dns_name_valid(q->host))
		g->bad = true;
	return get_end(g);
}

void put_policy_reply(struct put *w, const struct policy_reply *r)
{
	put_u8(w, r->mode);
	put_u8(w, r->named);
	put_u8(w, r->failure);
	put_str(w, str_take(r->why, POLICY_WHY_MAX));
}

int get_policy_reply(struct get *g, struct policy_reply *r)
{
	r->mode = get_u8(g);
	r->named = get_bool(g);
	r->failure = get_u8(g);
	r->why = get_line(g, POLICY_WHY_MAX);
	if (r->mode >= STS_MODES || r->failure >= TLS_FAILURES)
		g->bad = true;
	return get_end(g);
}
