/* A next hop as it is shown: what lookup says of it, and what deliver-remote would do there. */
#include "explain.h"

static json_t *host_json(const struct mail_host *h, bool usable)
{
	json_t *o =
	    json_pack("{s:o, s:i}", "host", explain_text(h->name), "preference", h->preference);
	json_t *ips = json_array();
	char text[IP_TEXT];

	json_object_set_new(
	    o, "status", json_string(h->unasked ? "not-asked" : dns_status_name(h->status)));
	json_object_set_new(o, "security", json_string(dns_security_name(h->security)));
	if (h->canonical.n > 0)
		json_object_set_new(o, "canonical", explain_text(h->canonical));
	for (uint32_t i = 0; i < h->nips; i++) {
		ip_format(&h->ips[i], text);
		json_array_append_new(ips, json_string(text));
	}
	json_object_set_new(o, "addresses", ips);
	json_object_set_new(o, "usable", json_boolean(usable));
	return o;
}

/* Its TLS policy lets nothing be sent to that host. */
static bool is_refused(const struct hop_reply *r, uint32_t host)
{
	for (uint32_t i = 0; i < r->npolicies; i++)
		if (r->policies[i].host == host && r->policies[i].status.code != 0)
			return true;
	return false;
}

static json_t *try_json(const struct hop_reply *r, const struct hop_try *t)
{
	char text[IP_TEXT];
	json_t *o;

	ip_format(&t->ip, text);
	o = json_pack("{s:s, s:i, s:o}", "address", text, "port", r->port, "host",
	    explain_text(r->mail.hosts[t->host].name));
	if (t->dead_ms > 0)
		json_object_set_new(o, "failed_lately_ms", json_integer((json_int_t)t->dead_ms));
	if (is_refused(r, t->host))
		json_object_set_new(o, "refused", json_true());
	return o;
}

static json_t *record_json(const struct hop_record *r)
{
	return json_pack("{s:i, s:i, s:i, s:o, s:b}", "usage", r->usage, "selector", r->selector,
	    "matching", r->matching, "data", explain_bytes(r->data), "usable", r->usable);
}

static json_t *policy_json(const struct hop_reply *r, const struct hop_policy *p)
{
	static const char *const sources[TLS_SOURCES] = { "table", "dane", "mta-sts",
		"opportunistic" };
	json_t *o = json_pack("{s:o, s:s, s:s, s:o}", "host",
	    explain_text(r->mail.hosts[p->host].name), "source", sources[p->source], "level",
	    tls_level_name(p->level), "reason", explain_text(p->reason));
	json_t *records = json_array();

	if (p->base.n > 0)
		json_object_set_new(o, "tlsa_base", explain_text(p->base));
	for (uint32_t i = 0; i < p->nrecords; i++)
		json_array_append_new(records, record_json(&p->records[i]));
	json_object_set_new(o, "tlsa", records);
	json_object_set_new(o, "more", json_boolean(p->more));
	if (p->status.code != 0)
		json_object_set_new(o, "failure", explain_status(&p->status));
	return o;
}

/* Those that are used, the first one first. */
static json_t *families_json(const struct families *f)
{
	json_t *list = json_array();

	for (int turn = 0; turn < 2; turn++) {
		bool six = (f->first == 6) == (turn == 0);

		if (six ? f->six : f->four)
			json_array_append_new(list, json_string(six ? "ipv6" : "ipv4"));
	}
	return list;
}

void explain_hop_reply(json_t *o, const struct hop_reply *r)
{
	static const char *const sources[HOP_SOURCES] = { "address", "static_hosts", "host", "mx",
		"socket" };
	json_t *hosts = json_array(), *tries = json_array(), *policies = json_array();

	json_object_set_new(o, "source", json_string(sources[r->source]));
	json_object_set_new(o, "families", families_json(&r->families));
	if (r->source == HOP_MX) {
		json_object_set_new(o, "status", json_string(dns_status_name(r->mail.status)));
		json_object_set_new(
		    o, "security", json_string(dns_security_name(r->mail.security)));
		json_object_set_new(o, "implicit", json_boolean(r->mail.implicit));
	}
	if (r->source == HOP_MX || r->source == HOP_HOST)
		json_object_set_new(o, "ttl", json_integer(r->mail.ttl));
	for (uint32_t i = 0; i < r->mail.nhosts; i++)
		json_array_append_new(hosts, host_json(&r->mail.hosts[i], i < r->usable));
	json_object_set_new(o, "hosts", hosts);
	for (uint32_t i = 0; i < r->ntries; i++)
		json_array_append_new(tries, try_json(r, &r->tries[i]));
	json_object_set_new(o, "tries", tries);
	for (uint32_t i = 0; i < r->npolicies; i++)
		json_array_append_new(policies, policy_json(r, &r->policies[i]));
	json_object_set_new(o, "tls_hosts", policies);
	if (r->status.code != 0)
		json_object_set_new(o, "failure", explain_status(&r->status));
}

json_t *explain_hop(const struct way_hop *h)
{
	struct str rule = h->family_rule;

	if (rule.n == 0)
		rule = STR("remote_address_preference");
	return json_pack("{s:o, s:i, s:i, s:{s:o, s:o}, s:o}", "nexthop", explain_text(h->nexthop),
	    "group", h->group, "weight", h->weight, "tls", "policy", explain_text(h->tls), "rule",
	    explain_text(h->tls_rule), "families_rule", explain_text(rule));
}
