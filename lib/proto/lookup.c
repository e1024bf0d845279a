/* The questions to services/lookup and its answers. See lookup.h. */
#include "proto/lookup.h"

enum { ROUTES_MAX = 4096 /* in one packet; a route is at least 40 bytes long */ };

void put_access_question(struct put *w, const struct access_question *q)
{
	put_u64(w, q->trace);
	put_str(w, q->listener);
	put_str(w, q->client);
	put_str(w, q->helo);
	put_str(w, q->login);
	put_str(w, q->sender);
	put_str(w, q->rcpt);
	put_u8(w, q->trusted);
	put_u8(w, q->submission);
	put_str(w, q->name);
	put_str(w, q->listed);
	put_u8(w, q->name_state);
	put_str(w, q->tls);
	put_str(w, q->peer);
	put_str(w, q->certificate);
	put_str(w, q->key);
}

int get_access_question(struct get *g, struct access_question *q)
{
	q->trace = get_u64(g);
	q->listener = get_line(g, ACCESS_LISTENER_MAX);
	q->client = get_line(g, ACCESS_CLIENT_MAX);
	q->helo = get_line(g, ACCESS_HELO_MAX);
	q->login = get_line(g, ACCESS_LOGIN_MAX);
	q->sender = get_line(g, ADDRESS_MAX);
	q->rcpt = get_line(g, ADDRESS_MAX);
	q->trusted = get_bool(g);
	q->submission = get_bool(g);
	q->name = get_line(g, ACCESS_NAME_MAX);
	q->listed = get_line(g, ACCESS_LISTED_MAX);
	q->name_state = get_u8(g);
	if (q->name_state >= NAME_STATES)
		g->bad = true;
	q->tls = get_line(g, ACCESS_TLS_MAX);
	q->peer = get_line(g, ACCESS_PEER_MAX);
	q->certificate = get_line(g, ACCESS_FINGERPRINT_MAX);
	q->key = get_line(g, ACCESS_FINGERPRINT_MAX);
	return get_end(g);
}

void put_access_answer(struct put *w, const struct access_answer *a)
{
	put_status(w, &a->status);
	put_str(w, str_take(a->rule, RULE_MAX));
	put_u8(w, a->relay);
	put_u8(w, a->outgoing);
	put_u32(w, a->per_hour);
	put_u32(w, a->per_day);
	put_str(w, a->charged);
	put_actions(w, a->actions, a->nactions);
}

int get_access_answer(struct get *g, struct access_answer *a)
{
	get_status(g, &a->status);
	a->rule = get_line(g, RULE_MAX);
	a->relay = get_bool(g);
	a->outgoing = get_bool(g);
	a->per_hour = get_u32(g);
	a->per_day = get_u32(g);
	a->charged = get_line(g, ACCESS_LOGIN_MAX);
	a->nactions = get_u32(g);
	if (a->nactions > ACCESS_ACTIONS) {
		a->nactions = 0;
		g->bad = true;
	}
	for (uint32_t i = 0; i < a->nactions; i++)
		get_action(g, &a->actions[i]);
	return get_end(g);
}

void put_sender_question(struct put *w, const struct sender_question *q)
{
	put_u64(w, q->trace);
	put_str(w, q->login);
	put_u32(w, q->n);
	for (uint32_t i = 0; i < q->n; i++)
		put_str(w, q->addresses[i]);
}

int get_sender_question(struct get *g, struct sender_question *q)
{
	q->trace = get_u64(g);
	q->login = get_line(g, ACCESS_LOGIN_MAX);
	q->n = get_u32(g);
	if (q->n > SENDERS_MAX) {
		g->bad = true;
		return -1;
	}
	for (uint32_t i = 0; i < q->n; i++)
		q->addresses[i] = get_line(g, ADDRESS_MAX);
	return get_end(g);
}

void put_lane_question(struct put *w, const struct lane_question *q)
{
	put_u64(w, q->trace);
	put_str(w, q->sender);
	put_str(w, q->login);
	put_str(w, q->listener);
	put_str(w, q->marks);
}

int get_lane_question(struct get *g, struct lane_question *q)
{
	q->trace = get_u64(g);
	q->sender = get_line(g, ADDRESS_MAX);
	q->login = get_line(g, ACCESS_LOGIN_MAX);
	q->listener = get_line(g, ACCESS_LISTENER_MAX);
	q->marks = get_line(g, MARKS_MAX);
	return get_end(g);
}

void put_lane_answer(struct put *w, const struct lane_answer *a)
{
	put_u8(w, a->failed);
	put_u8(w, a->lane);
	put_str(w, str_take(a->rule, RULE_MAX));
}

int get_lane_answer(struct get *g, struct lane_answer *a)
{
	a->failed = get_bool(g);
	a->lane = get_u8(g);
	a->rule = get_line(g, RULE_MAX);
	if (a->lane > LANES)
		g->bad = true;
	return get_end(g);
}

void put_route_question(struct put *w, const struct route_question *q)
{
	put_u64(w, q->trace);
	put_str(w, q->sender);
	put_str(w, q->rcpt);
	put_str(w, q->filter);
	put_str(w, q->filter_rule);
	put_u8(w, q->lane);
}

int get_route_question(struct get *g, struct route_question *q)
{
	q->trace = get_u64(g);
	q->sender = get_line(g, ADDRESS_MAX);
	q->rcpt = get_line(g, ADDRESS_MAX);
	q->filter = get_line(g, ACTION_VALUE_MAX);
	q->filter_rule = get_line(g, RULE_MAX);
	q->lane = get_u8(g);
	if (q->lane >= LANES)
		g->bad = true;
	return get_end(g);
}

void put_route(struct put *w, const struct route *r)
{
	put_u8(w, r->transport);
	put_str(w, r->addr);
	put_str(w, r->nexthop);
	put_str(w, r->way);
	put_str(w, r->pool);
	put_str(w, str_take(r->pool_rule, RULE_MAX));
	put_str(w, r->owner);
	put_str(w, r->home);
	put_str(w, r->folder);
	put_u32(w, r->uid);
	put_u32(w, r->gid);
	put_status(w, &r->status);
	put_str(w, str_take(r->rule, RULE_MAX));
}

/* What a path is made of must not lead elsewhere: no "..", not absolute. */
static bool path_below(struct str path)
{
	struct str part;

	if (path.n > 0 && path.p[0] == '/')
		return false;
	while (str_cut(&path, '/', &part)) {
		if (str_eq(part, STR("..")))
			return false;
	}
	return true;
}

int get_route(struct get *g, struct arena *a, struct route *r)
{
	r->transport = get_u8(g);
	r->addr = arena_str(a, get_line(g, ADDRESS_MAX));
	r->nexthop = arena_str(a, get_line(g, NEXTHOP_MAX));
	r->way = arena_str(a, get_str(g, WAY_MAX));
	r->pool = arena_str(a, get_line(g, SOURCE_NAME_MAX));
	r->pool_rule = arena_str(a, get_line(g, RULE_MAX));
	r->owner = arena_str(a, get_line(g, ADDRESS_MAX));
	r->home = arena_str(a, get_line(g, HOME_MAX));
	r->folder = arena_str(a, get_line(g, HOME_MAX));
	r->uid = get_u32(g);
	r->gid = get_u32(g);
	get_status(g, &r->status);
	r->rule = arena_str(a, get_line(g, RULE_MAX));
	if (r->transport >= TRANSPORT_MAX || !path_below(r->home) ||
	    (r->transport == TRANSPORT_MAILDIR && r->home.n == 0) ||
	    (r->transport == TRANSPORT_ERROR && r->status.code < 400))
		g->bad = true;
	return get_ok(g);
}

void put_route_answer(struct put *w, const struct route_answer *r)
{
	put_u8(w, r->more);
	put_u8(w, r->expanded);
	put_u32(w, r->nroutes);
	for (uint32_t i = 0; i < r->nroutes; i++)
		put_route(w, &r->routes[i]);
}

int get_route_answer(struct get *g, struct arena *a, struct route_answer *r)
{
	r->more = get_bool(g);
	r->expanded = get_bool(g);
	r->nroutes = get_u32(g);
	if (get_ok(g) == -1 || r->nroutes > ROUTES_MAX) {
		g->bad = true;
		r->nroutes = 0;
		return -1;
	}
	r->routes = arena_array(a, r->nroutes, sizeof *r->routes);
	for (uint32_t i = 0; i < r->nroutes; i++) {
		if (get_route(g, a, &r->routes[i]) == -1)
			return -1;
	}
	return get_end(g);
}

enum {
	STEP_SETTING_MAX = 64,
	STEP_KEY_MAX = 600,
	STEP_VALUE_MAX = 200,
	STEPS_BYTES = IPC_BODY_MAX - 2048
};

static void put_step(struct put *w, const struct lookup_step *s)
{
	put_u8(w, s->found);
	put_u8(w, s->failed);
	put_str(w, str_take(s->setting, STEP_SETTING_MAX));
	put_str(w, str_take(s->key, STEP_KEY_MAX));
	put_str(w, str_take(s->rule, RULE_MAX));
	put_str(w, str_take(s->value, STEP_VALUE_MAX));
}

void put_lookup_steps(struct put *w, const struct lookup_step *s, uint32_t n, bool more)
{
	for (uint32_t i = 0; i < n; i++) {
		if (w->n > STEPS_BYTES) {
			more = true;
			break;
		}
		put_u8(w, 1);
		put_step(w, &s[i]);
	}
	put_u8(w, 0);
	put_u8(w, more);
}

int get_lookup_steps(
    struct get *g, struct arena *a, struct lookup_step **s, uint32_t *n, bool *more)
{
	*s = arena_array(a, LOOKUP_STEPS_MAX, sizeof **s);
	*n = 0;
	while (get_bool(g)) {
		struct lookup_step *one = &(*s)[*n];

		if (++*n > LOOKUP_STEPS_MAX) {
			g->bad = true;
			break;
		}
		one->found = get_bool(g);
		one->failed = get_bool(g);
		one->setting = arena_str(a, get_line(g, STEP_SETTING_MAX));
		one->key = arena_str(a, get_str(g, STEP_KEY_MAX));
		one->rule = arena_str(a, get_line(g, RULE_MAX));
		one->value = arena_str(a, get_str(g, STEP_VALUE_MAX));
	}
	*more = get_bool(g);
	return get_end(g);
}
