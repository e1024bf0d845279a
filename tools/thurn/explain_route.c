/* thurn explain route: where a message would go, asked of those who would decide it. */
#include <stdio.h>
#include <string.h>

#include "candidate.h"
#include "command.h"
#include "explain.h"
#include "mail/address.h"
#include "proto/deliver.h"
#include "proto/confload.h"
#include "proto/types.h"
#include "queue_dest.h"

enum { SHOWN_MAX = 1000 /* recipients that an alias expands to; more are only counted */ };

struct explained {
	struct arena arena;
	struct route *routes;
	uint32_t nroutes;
	uint64_t left_out;
	struct lookup_step *steps;
	uint32_t nsteps;
	bool more_steps;
	json_t *hop; /* the next hop that is being looked at */
	struct str from;
	struct lane_answer lane;
};

static const char *transport_name(uint8_t t)
{
	static const char *const names[TRANSPORT_MAX] = { [TRANSPORT_MAILDIR] = "mailbox",
		[TRANSPORT_SMTP] = "smtp",
		[TRANSPORT_LMTP] = "lmtp",
		[TRANSPORT_DISCARD] = "discard",
		[TRANSPORT_ERROR] = "error",
		[TRANSPORT_HOLD] = "hold" };

	return t < TRANSPORT_MAX ? names[t] : "?";
}

/* --- what is asked --------------------------------------------------------------------------- */

static int on_routes(void *arg, struct get *g)
{
	struct explained *e = arg;
	struct route_answer a;

	if (get_route_answer(g, &e->arena, &a) == -1)
		return -1;
	for (uint32_t i = 0; i < a.nroutes; i++) {
		if (e->nroutes < SHOWN_MAX)
			e->routes[e->nroutes++] = a.routes[i];
		else
			e->left_out++;
	}
	return 0;
}

static int on_lane(void *arg, struct get *g)
{
	struct explained *e = arg;

	if (get_lane_answer(g, &e->lane) == -1)
		return -1;
	e->lane.rule = arena_str(&e->arena, e->lane.rule);
	return 0;
}

static int on_steps(void *arg, struct get *g)
{
	struct explained *e = arg;

	return get_lookup_steps(g, &e->arena, &e->steps, &e->nsteps, &e->more_steps);
}

static json_t *status_json(const struct status *st)
{
	return json_pack(
	    "{s:i, s:s, s:s}", "code", st->code, "enhanced", st->enhanced, "text", st->text);
}

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
	char hex[2 * HOP_RECORD_DATA_MAX + 1] = "";

	for (size_t i = 0; i < r->data.n; i++)
		snprintf(hex + 2 * i, sizeof hex - 2 * i, "%02x", (unsigned char)r->data.p[i]);
	return json_pack("{s:i, s:i, s:i, s:s, s:b}", "usage", r->usage, "selector", r->selector,
	    "matching", r->matching, "data", hex, "usable", r->usable);
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
		json_object_set_new(o, "failure", status_json(&p->status));
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

/* What is found out about a next hop. */
static void add_reply(json_t *o, const struct hop_reply *r)
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
		json_object_set_new(o, "failure", status_json(&r->status));
}

static int on_hop(void *arg, struct get *g)
{
	struct explained *e = arg;
	struct hop_reply r;

	if (get_hop_reply(g, &e->arena, &r) == -1)
		return -1;
	add_reply(e->hop, &r);
	return 0;
}

static json_t *hop_json(const struct way_hop *h)
{
	struct str rule = h->family_rule;

	if (rule.n == 0)
		rule = STR("remote_address_preference");
	return json_pack("{s:o, s:i, s:i, s:{s:o, s:o}, s:o}", "nexthop", explain_text(h->nexthop),
	    "group", h->group, "weight", h->weight, "tls", "policy", explain_text(h->tls), "rule",
	    explain_text(h->tls_rule), "families_rule", explain_text(rule));
}

/* Appends the hop with what deliver-remote says of it to the list. */
static int add_hop(
    struct explained *e, const struct route *r, const struct way_hop *h, json_t *list)
{
	static uint8_t space[IPC_BODY_MAX];
	struct put w = put_into(space, sizeof space);
	int status;

	e->hop = hop_json(h);
	json_array_append_new(list, e->hop);
	put_hop_question(&w, &(struct hop_question){ .transport = r->transport, .hop = *h });
	status = explain_ask(DELIVER_HOP, &w, on_hop, e);
	if (status != EX_OK)
		return status;
	return explain_login(&e->arena, r->owner.n > 0 ? r->owner : e->from, h, e->hop);
}

static int add_hops(struct explained *e, const struct route *r, json_t *o)
{
	json_t *list = json_array();
	struct way y;
	int status = EX_OK;

	json_object_set_new(o, "hops", list);
	if (way_decode(r->way, &y) == -1)
		return tool_fail(EX_PROTOCOL, "the answer cannot be read");
	for (unsigned i = 0; i < y.n && status == EX_OK; i++)
		status = add_hop(e, r, &y.hop[i], list);
	return status;
}

/* What the queue would hold it up for, and when what has failed before is tried again. */
static int add_limits(const struct route *r, json_t *o)
{
	json_t *all = json_array(), *limits = json_array(), *one;
	char name[NEXTHOP_MAX + 1], domain[DNS_NAME_MAX + 1];
	struct str of = str_skip(r->addr, (size_t)(str_rfind(r->addr, '@') + 1));
	int status = EX_OK;
	size_t i;

	if (str_copy(r->nexthop, name, sizeof name) == 0 &&
	    str_copy(of, domain, sizeof domain) == 0)
		status = queue_ask_why(name, domain, all);
	json_array_foreach(all, i, one)
	{
		const char *by = json_string_value(json_object_get(one, "transport"));

		if (by != NULL && strcmp(by, transport_name(r->transport)) == 0)
			json_array_append(limits, one);
	}
	json_decref(all);
	json_object_set_new(o, "limits", limits);
	return status;
}

/* --- what is shown --------------------------------------------------------------------------- */

static json_t *route_json(const struct route *r)
{
	json_t *o = json_pack("{s:o, s:s, s:o}", "recipient", explain_text(r->addr), "transport",
	    transport_name(r->transport), "rule", explain_text(r->rule));

	if (r->owner.n > 0)
		json_object_set_new(o, "sender", explain_text(r->owner));
	if (r->nexthop.n > 0)
		json_object_set_new(o, "nexthop", explain_text(r->nexthop));
	if (r->pool.n > 0)
		json_object_set_new(o, "source_pool",
		    json_pack("{s:o, s:o}", "name", explain_text(r->pool), "rule",
			explain_text(r->pool_rule)));
	if (r->transport == TRANSPORT_MAILDIR) {
		json_object_set_new(o, "home", explain_text(r->home));
		json_object_set_new(o, "uid", json_integer(r->uid));
	}
	if (r->transport == TRANSPORT_ERROR)
		json_object_set_new(o, "failure", status_json(&r->status));
	return o;
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static long long number_of(json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void print_failure(const char *indent, json_t *o)
{
	json_t *f = json_object_get(o, "failure");

	if (f != NULL)
		printf("%s%lld %s %s\n", indent, number_of(f, "code"), text_of(f, "enhanced"),
		    text_of(f, "text"));
}

static void print_host(json_t *h, bool mx)
{
	json_t *ips = json_object_get(h, "addresses"), *ip;
	size_t i;

	printf("        ");
	if (mx)
		printf("%lld ", number_of(h, "preference"));
	printf("%s (%s, %s)", text_of(h, "host"), text_of(h, "status"), text_of(h, "security"));
	if (text_of(h, "canonical")[0] != '\0')
		printf(" alias of %s", text_of(h, "canonical"));
	json_array_foreach(ips, i, ip) printf(" %s", json_string_value(ip));
	if (json_is_false(json_object_get(h, "usable")))
		printf(" - left out: mail would come back");
	printf("\n");
}

/* "3 1 1 0123abcd..." as in a zone. */
static void print_record(json_t *r)
{
	printf("          TLSA %lld %lld %lld %s%s\n", number_of(r, "usage"),
	    number_of(r, "selector"), number_of(r, "matching"), text_of(r, "data"),
	    json_is_true(json_object_get(r, "usable")) ? "" : " (not usable)");
}

static void print_policy(json_t *p)
{
	json_t *records = json_object_get(p, "tlsa"), *r;
	size_t i;

	printf("      TLS with %s: %s, by %s", text_of(p, "host"), text_of(p, "level"),
	    text_of(p, "source"));
	if (text_of(p, "reason")[0] != '\0')
		printf(" (%s)", text_of(p, "reason"));
	printf("\n");
	if (text_of(p, "tlsa_base")[0] != '\0')
		printf("        TLSA base domain %s\n", text_of(p, "tlsa_base"));
	json_array_foreach(records, i, r) print_record(r);
	if (json_is_true(json_object_get(p, "more")))
		printf("          and more\n");
	print_failure("        ", p);
}

static void print_families(json_t *hop)
{
	json_t *list = json_object_get(hop, "families"), *f;
	size_t i;

	if (strcmp(text_of(hop, "source"), "socket") == 0)
		return;
	printf("      families:");
	json_array_foreach(list, i, f) printf(" %s", json_string_value(f));
	printf(" (%s)\n", text_of(hop, "families_rule"));
}

static void print_hop(json_t *hop)
{
	json_t *policies = json_object_get(hop, "tls_hosts");
	json_t *tls = json_object_get(hop, "tls");
	json_t *hosts = json_object_get(hop, "hosts"), *tries = json_object_get(hop, "tries"), *x;
	const char *source = text_of(hop, "source");
	bool mx = strcmp(source, "mx") == 0;
	size_t i;

	printf("    next hop %s (group %lld, weight %lld)\n      TLS: %s (%s)\n",
	    text_of(hop, "nexthop"), number_of(hop, "group"), number_of(hop, "weight"),
	    text_of(tls, "policy"), text_of(tls, "rule"));
	explain_print_login(hop);
	print_families(hop);
	if (mx)
		printf("      MX records: %s, %s%s, for %lld s\n", text_of(hop, "status"),
		    text_of(hop, "security"),
		    json_is_true(json_object_get(hop, "implicit")) ? ", the domain is its own host"
								   : "",
		    number_of(hop, "ttl"));
	else
		printf("      addresses by: %s\n", strcmp(source, "host") == 0 ? "DNS" : source);
	json_array_foreach(hosts, i, x) print_host(x, mx);
	print_failure("      ", hop);
	json_array_foreach(policies, i, x) print_policy(x);
	if (json_array_size(tries) > 0)
		printf("      to be tried, in this order:\n");
	json_array_foreach(tries, i, x) printf("        %s port %lld (%s)%s%s\n",
	    text_of(x, "address"), number_of(x, "port"), text_of(x, "host"),
	    json_object_get(x, "failed_lately_ms") != NULL ? ", failed lately" : "",
	    json_object_get(x, "refused") != NULL ? ", but its TLS policy refuses it" : "");
}

static void print_sources(json_t *pool)
{
	json_t *sources = json_object_get(pool, "sources"), *s, *addresses, *a;
	size_t i, k;

	if (pool == NULL) {
		printf("    source address: any (no source pool)\n");
		return;
	}
	printf("    source pool: %s (%s)\n", text_of(pool, "name"), text_of(pool, "rule"));
	json_array_foreach(sources, i, s)
	{
		addresses = json_object_get(s, "addresses");
		printf("      %s:", text_of(s, "source"));
		json_array_foreach(addresses, k, a) printf(" %s", json_string_value(a));
		printf(", EHLO %s%s\n", text_of(s, "helo"),
		    json_object_get(s, "suspension") != NULL ? ", suspended" : "");
	}
}

static void print_route(json_t *o)
{
	json_t *hop, *limit, *lane = json_object_get(o, "lane");
	size_t i;

	printf("%s\n    rule: %s\n    transport: %s%s%s\n", text_of(o, "recipient"),
	    text_of(o, "rule"), text_of(o, "transport"),
	    text_of(o, "nexthop")[0] != '\0' ? ", next hop " : "", text_of(o, "nexthop"));
	if (text_of(o, "nexthop")[0] != '\0')
		print_sources(json_object_get(o, "source_pool"));
	printf("    lane: %s (%s)\n", text_of(lane, "name"), text_of(lane, "rule"));
	if (text_of(o, "sender")[0] != '\0')
		printf("    sender becomes: %s\n", text_of(o, "sender"));
	if (text_of(o, "home")[0] != '\0')
		printf("    mailbox: %s, uid %lld\n", text_of(o, "home"), number_of(o, "uid"));
	print_failure("    ", o);
	json_array_foreach(json_object_get(o, "hops"), i, hop) print_hop(hop);
	json_array_foreach(json_object_get(o, "limits"), i, limit) queue_print_why("    ", limit);
}

static json_t *step_json(const struct lookup_step *s)
{
	json_t *o = json_pack("{s:o, s:o, s:s}", "setting", explain_text(s->setting), "key",
	    explain_text(s->key), "result",
	    s->failed  ? "failed"
	    : s->found ? "found"
		       : "none");

	if (s->rule.n > 0)
		json_object_set_new(o, "rule", explain_text(s->rule));
	if (s->value.n > 0)
		json_object_set_new(o, "value", explain_text(s->value));
	return o;
}

static json_t *steps_json(const struct explained *e)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < e->nsteps; i++)
		json_array_append_new(list, step_json(&e->steps[i]));
	return json_pack("{s:o, s:b}", "lookups", list, "more", e->more_steps);
}

static void print_steps(json_t *o)
{
	json_t *s;
	size_t i;

	json_array_foreach(json_object_get(o, "lookups"), i, s)
	{
		printf("%s \"%s\": %s", text_of(s, "setting"), text_of(s, "key"),
		    text_of(s, "result"));
		if (text_of(s, "rule")[0] != '\0')
			printf(" in %s", text_of(s, "rule"));
		if (text_of(s, "value")[0] != '\0')
			printf(": %s", text_of(s, "value"));
		printf("\n");
	}
	if (json_is_true(json_object_get(o, "more")))
		printf("and more lookups\n");
}

static void show_steps(const struct explained *e, bool json)
{
	json_t *o = steps_json(e);

	if (json) {
		explain_print(o);
		return;
	}
	print_steps(o);
	json_decref(o);
}

/* Of a message to that recipient alone. */
static uint8_t lane_of(const struct explained *e)
{
	if (e->lane.lane < LANES)
		return e->lane.lane;
	return e->from.n == 0 ? LANE_BOUNCE : LANE_USER;
}

static void add_lane(json_t *o, const struct explained *e)
{
	bool ruled = e->lane.lane < LANES;

	json_object_set_new(o, "lane",
	    json_pack("{s:s, s:o}", "name", e->lane.failed ? "unknown" : lane_name(lane_of(e)).p,
		"rule", explain_text(ruled || e->lane.failed ? e->lane.rule : STR("default"))));
}

static void on_pool(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	(void)m;
	json_object_set(arg, "sources", json_object_get(o, "sources"));
	json_decref(o);
}

/* Its addresses, and what holds them up now. */
static int add_sources(json_t *o, const struct route *r)
{
	json_t *pool = json_object_get(o, "source_pool");
	struct put w = put_start();

	if (pool == NULL)
		return EX_OK;
	put_str(&w, r->pool);
	return tool_ask("queue", QUEUE_CTL_SOURCES, &w, on_pool, pool);
}

static int start_candidate(const char *config)
{
	struct buf why;
	int status;

	buf_init(&why, CONF_LINES_MAX);
	status = candidate_start(config, &why);
	if (why.n > 0)
		tool_say(status, buf_cstr(&why));
	buf_clear(&why);
	return status;
}

/* What the running suite knows. Of the sources of a candidate it knows nothing. */
static int add_running(struct explained *e, const struct route *r, json_t *o)
{
	int status = EX_OK;

	if (r->transport == TRANSPORT_SMTP || r->transport == TRANSPORT_LMTP)
		status = add_hops(e, r, o);
	if (status == EX_OK && !candidate_runs())
		status = add_sources(o, r);
	if (status == EX_OK && r->nexthop.n > 0)
		status = add_limits(r, o);
	return status;
}

static int show(struct explained *e, const struct route *r, bool json)
{
	json_t *o = route_json(r);
	int status = EX_OK;

	add_lane(o, e);
	if (!candidate_alone())
		status = add_running(e, r, o);
	if (json) {
		explain_print(o);
		return status;
	}
	print_route(o);
	json_decref(o);
	return status;
}

static int show_all(struct explained *e, bool json)
{
	int status = EX_OK;

	for (uint32_t i = 0; i < e->nroutes && status == EX_OK; i++)
		status = show(e, &e->routes[i], json);
	if (e->left_out > 0 && !json)
		printf("and %llu more\n", (unsigned long long)e->left_out);
	return status;
}

/* As smtpd would hand it on. */
static int canonical(const char *text, struct address *a)
{
	enum address_error error = address_parse(str_of(text), ADDRESS_UTF8 | ADDRESS_BARE, a);

	if (error == ADDRESS_OK)
		return 0;
	tool_warn("\"%s\": %s", text, address_error_text(error));
	return -1;
}

/* What else a lane may depend on. */
static int ask_lane(struct explained *e, const char *login, const char *listener, const char *marks)
{
	struct put w = put_start();
	const struct lane_question q = { .sender = e->from,
		.login = str_of(login),
		.listener = str_of(listener),
		.marks = str_of(marks) };

	put_lane_question(&w, &q);
	return explain_ask(LOOKUP_LANE, &w, on_lane, e);
}

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static int explain(struct explained *e, struct str to, bool json)
{
	struct put w = put_start();
	int status;

	put_route_question(
	    &w, &(struct route_question){ .sender = e->from, .rcpt = to, .lane = lane_of(e) });
	status = explain_ask(LOOKUP_EXPLAIN, &w, on_steps, e);
	if (status == EX_OK)
		status = explain_ask(LOOKUP_ROUTE, &w, on_routes, e);
	if (status != EX_OK)
		return status;
	show_steps(e, json);
	return show_all(e, json);
}

int explain_route(bool json, int argc, char **argv)
{
	const char *config = tool_value(&argc, argv, "config");
	const char *login = or_empty(tool_value(&argc, argv, "login"));
	const char *listener = or_empty(tool_value(&argc, argv, "listener"));
	const char *header = or_empty(tool_value(&argc, argv, "header"));
	struct explained e = { .nroutes = 0 };
	struct address from = { .text = STR_NONE }, to;
	int status = EX_OK;

	if (argc != 3)
		return tool_fail(EX_USAGE, "usage: thurn explain route [--json] [--config FILE] "
					   "[--login LOGIN] [--listener TITLE] "
					   "[--header NAME:VALUE] FROM TO");
	if ((argv[1][0] != '\0' && strcmp(argv[1], "<>") != 0 && canonical(argv[1], &from) == -1) ||
	    canonical(argv[2], &to) == -1)
		return EX_USAGE;
	arena_init(&e.arena);
	e.from = from.text;
	e.routes = arena_array(&e.arena, SHOWN_MAX, sizeof *e.routes);
	if (config != NULL)
		status = start_candidate(config);
	if (status == EX_OK)
		status = ask_lane(&e, login, listener, header);
	if (status == EX_OK)
		status = explain(&e, to.text, json);
	candidate_stop();
	arena_clear(&e.arena);
	return status;
}
