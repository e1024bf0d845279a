/* The envelope between processes and in the spool. See envelope.h. */
#include "mail/envelope.h"

enum {
	CLIENT_MAX = 64, /* a numeric address, or "local" */
	HELO_MAX = 255,
	LOGIN_NAME_MAX = 320,
	PROTOCOL_MAX = 16,
	LISTENER_MAX = 255,
	NOTIFY_ALL = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY,
	RCPT_WIRE_MIN = 9, /* two empty strings and a byte: bounds the count before allocating */
};

static void put_rcpt(struct put *w, const struct envelope_rcpt *r)
{
	put_str(w, r->addr);
	put_str(w, r->orcpt);
	put_u8(w, r->notify);
}

/* Nobody asks for "never" together with something else (RFC 3461 4.1). */
static bool notify_valid(uint8_t notify)
{
	return (notify & ~NOTIFY_ALL) == 0 &&
	       ((notify & NOTIFY_NEVER) == 0 || notify == NOTIFY_NEVER);
}

static void get_rcpt(struct get *g, struct arena *a, struct envelope_rcpt *r)
{
	r->addr = arena_str(a, get_line(g, ADDRESS_MAX));
	r->orcpt = arena_str(a, get_line(g, ORCPT_MAX));
	r->notify = get_u8(g);
	if (r->addr.n == 0 || !notify_valid(r->notify))
		g->bad = true;
}

void put_envelope(struct put *w, const struct envelope *e)
{
	put_u64(w, e->trace);
	put_i64(w, e->arrival);
	put_i64(w, e->release);
	put_u32(w, e->hold_for);
	put_str(w, e->sender);
	put_u8(w, e->ret);
	put_u8(w, e->eightbit);
	put_u8(w, e->utf8);
	put_u8(w, e->tls);
	put_str(w, e->envid);
	put_str(w, e->client);
	put_str(w, e->helo);
	put_str(w, e->login);
	put_str(w, e->protocol);
	put_str(w, e->listener);
	put_str(w, e->marks);
	put_actions(w, e->actions, e->nactions);
	put_u32(w, e->nrcpts);
	for (uint32_t i = 0; i < e->nrcpts; i++)
		put_rcpt(w, &e->rcpts[i]);
}

int get_envelope(struct get *g, struct arena *a, struct envelope *e)
{
	*e = (struct envelope){ 0 };
	e->trace = get_u64(g);
	e->arrival = get_i64(g);
	e->release = get_i64(g);
	e->hold_for = get_u32(g);
	e->sender = arena_str(a, get_line(g, ADDRESS_MAX));
	e->ret = get_u8(g);
	e->eightbit = get_bool(g);
	e->utf8 = get_bool(g);
	e->tls = get_u8(g);
	e->envid = arena_str(a, get_line(g, ENVID_MAX));
	e->client = arena_str(a, get_line(g, CLIENT_MAX));
	e->helo = arena_str(a, get_line(g, HELO_MAX));
	e->login = arena_str(a, get_line(g, LOGIN_NAME_MAX));
	e->protocol = arena_str(a, get_line(g, PROTOCOL_MAX));
	e->listener = arena_str(a, get_line(g, LISTENER_MAX));
	e->marks = arena_str(a, get_line(g, MARKS_MAX));
	get_actions(g, a, &e->actions, &e->nactions);
	e->nrcpts = get_u32(g);
	if (e->release < 0 || e->ret > RET_HDRS || e->tls >= TLS_DEMANDS ||
	    e->nrcpts > ENVELOPE_RCPTS || (size_t)(g->end - g->p) / RCPT_WIRE_MIN < e->nrcpts)
		g->bad = true;
	if (g->bad) {
		e->nrcpts = 0;
		return -1;
	}
	e->rcpts = arena_array(a, e->nrcpts, sizeof *e->rcpts);
	for (uint32_t i = 0; i < e->nrcpts; i++)
		get_rcpt(g, a, &e->rcpts[i]);
	return get_ok(g);
}
