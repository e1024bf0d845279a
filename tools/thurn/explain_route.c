/* thurn explain route: where a message would go, asked of those who would decide it. */
#include <stdio.h>
#include <string.h>

#include "candidate.h"
#include "command.h"
#include "explain.h"
#include "mail/address.h"
#include "mail/envelope.h"
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
	uint8_t demand; /* enum tls_demand */
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

static int on_routes(void *arg, struct get *g)
{
	struct explained *e = arg;
	struct route_answer a;

	if (get_route_answer(g, &e->arena, &a) == -1)
		return -1;
	for (uint32_t i = 0; i < a.nroutes; i++) {
		struct route *r = &a.routes[i];

		if (r->transport == TRANSPORT_SMTP)
			r->way = way_demanded(r->way, e->demand, e->from.n == 0, &e->arena);
		if (e->nroutes < SHOWN_MAX)
			e->routes[e->nroutes++] = *r;
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

static int on_hop(void *arg, struct get *g)
{
	struct explained *e = arg;
	struct hop_reply r;

	if (get_hop_reply(g, &e->arena, &r) == -1)
		return -1;
	explain_hop_reply(e->hop, &r);
	return 0;
}

/* Appends the hop with what deliver-remote says of it to the list. */
static int add_hop(
    struct explained *e, const struct route *r, const struct way_hop *h, json_t *list)
{
	static uint8_t space[IPC_BODY_MAX];
	struct put w = put_into(space, sizeof space);
	int status;

	e->hop = explain_hop(h);
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
		status = queue_ask_why(name, r->transport, domain, all);
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
		json_object_set_new(o, "failure", explain_status(&r->status));
	return o;
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

static void show_steps(const struct explained *e, bool json)
{
	json_t *o = steps_json(e);

	if (json) {
		explain_print(o);
		return;
	}
	explain_print_steps(o);
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
	explain_print_route(o);
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

/* As the words of RFC 8689; -1: there is no such one. */
static int demand_of(const char *text)
{
	return text[0] == '\0'            ? TLS_BY_POLICY
	       : strcmp(text, "yes") == 0 ? TLS_REQUIRED
	       : strcmp(text, "no") == 0  ? TLS_WAIVED
					  : -1;
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
	int demand = demand_of(or_empty(tool_value(&argc, argv, "tls-required")));
	struct explained e = { .demand = (uint8_t)demand };
	struct address from = { .text = STR_NONE }, to;
	int status = EX_OK;

	if (argc != 3 || demand == -1)
		return tool_usage("thurn explain route [--json] [--config FILE] "
				  "[--login LOGIN] [--listener TITLE] "
				  "[--header NAME:VALUE] [--tls-required yes|no] FROM TO");
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
