/*
 * The records of a spool file: {u16 type, u32 length, payload}. A type with OPTIONAL set may be
 * skipped by whoever does not know it; any other unknown type makes the file unreadable for this
 * version.
 */
#include <string.h>

#include "format.h"
#include "proto/queue.h"

enum {
	REC_META = 1, /* u64 trace, i64 arrival, u8 ret, u8 eightbit, u8 utf8 */
	REC_SENDER,
	REC_ENVID,
	REC_CLIENT,
	REC_HELO,
	REC_LOGIN,
	REC_PROTOCOL,
	REC_RCPT, /* str address, str orcpt, u8 notify */
	REC_EDIT, /* u8 kind, u32 index, str name, str value */
	REC_TARGET, /* u32 recipient, u8 transport, 5 str, u32 uid, u32 gid */
	REC_ACTION, /* u8 kind, str value, str rule */
	REC_RELEASE, /* i64 time, u32 seconds that were asked for */
	REC_TLS, /* u8 enum tls_demand */
	REC_OPTIONAL = 0x8000,
	REC_LANE = REC_OPTIONAL + 14, /* u8 enum lane, str rule */

	RECORD_FIXED = 6,
	RECORD_MAX = 64 * 1024,
	TEXT_MAX = 512,
	NOTIFY_ALL = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY,
};

/* --- writing --------------------------------------------------------------------------------- */

static void record_put(struct buf *b, uint16_t type, struct str payload)
{
	uint8_t head[RECORD_FIXED];
	struct put w = put_into(head, sizeof head);

	put_u16(&w, type);
	put_u32(&w, (uint32_t)payload.n);
	buf_put(b, head, sizeof head);
	buf_str(b, payload);
}

static void record_text(struct buf *b, uint16_t type, struct str s)
{
	if (s.n > 0)
		record_put(b, type, s);
}

static void encode_meta(struct buf *b, const struct envelope *e)
{
	uint8_t space[32];
	struct put w = put_into(space, sizeof space);

	put_u64(&w, e->trace);
	put_i64(&w, e->arrival);
	put_u8(&w, e->ret);
	put_u8(&w, e->eightbit);
	put_u8(&w, e->utf8);
	record_put(b, REC_META, put_view(&w));
}

static void encode_release(struct buf *b, const struct envelope *e)
{
	uint8_t space[16];
	struct put w = put_into(space, sizeof space);

	if (e->release == 0)
		return;
	put_i64(&w, e->release);
	put_u32(&w, e->hold_for);
	record_put(b, REC_RELEASE, put_view(&w));
}

static void encode_tls(struct buf *b, const struct envelope *e)
{
	char demand = (char)e->tls;

	if (e->tls != TLS_BY_POLICY)
		record_put(b, REC_TLS, str_bytes(&demand, 1));
}

static void encode_lane(struct buf *b, const struct spool_content *c)
{
	uint8_t space[RULE_MAX + 16];
	struct put w = put_into(space, sizeof space);

	if (c->lane_rule.n == 0)
		return;
	put_u8(&w, c->lane);
	put_str(&w, c->lane_rule);
	record_put(b, REC_LANE, put_view(&w));
}

static void encode_rcpt(struct buf *b, const struct envelope_rcpt *r)
{
	uint8_t space[2048];
	struct put w = put_into(space, sizeof space);

	put_str(&w, r->addr);
	put_str(&w, r->orcpt);
	put_u8(&w, r->notify);
	if (w.bad)
		b->full = true;
	record_put(b, REC_RCPT, put_view(&w));
}

static void encode_edit(struct buf *b, const struct edit *e)
{
	uint8_t space[EDIT_VALUE_MAX + EDIT_NAME_MAX + 64];
	struct put w = put_into(space, sizeof space);

	put_u8(&w, e->kind);
	put_u32(&w, e->index);
	put_str(&w, e->name);
	put_str(&w, e->value);
	if (w.bad)
		b->full = true;
	record_put(b, REC_EDIT, put_view(&w));
}

static void encode_action(struct buf *b, const struct action *a)
{
	uint8_t space[ACTION_VALUE_MAX + RULE_MAX + 64];
	struct put w = put_into(space, sizeof space);

	put_action(&w, a);
	if (w.bad)
		b->full = true;
	record_put(b, REC_ACTION, put_view(&w));
}

static void encode_target(struct buf *b, const struct spool_target *t)
{
	uint8_t space[WAY_MAX + 8192];
	struct put w = put_into(space, sizeof space);
	const struct route *r = &t->route;

	put_u32(&w, t->rcpt);
	put_u8(&w, r->transport);
	put_str(&w, r->addr);
	put_str(&w, r->nexthop);
	put_str(&w, r->owner);
	put_str(&w, r->home);
	put_str(&w, r->folder);
	put_u32(&w, r->uid);
	put_u32(&w, r->gid);
	put_status(&w, &r->status);
	put_str(&w, r->way);
	put_str(&w, r->pool);
	if (w.bad)
		b->full = true;
	record_put(b, REC_TARGET, put_view(&w));
}

int records_encode(struct buf *b, const struct spool_content *c)
{
	const struct envelope *e = &c->envelope;

	encode_meta(b, e);
	encode_release(b, e);
	encode_tls(b, e);
	encode_lane(b, c);
	record_text(b, REC_SENDER, e->sender);
	record_text(b, REC_ENVID, e->envid);
	record_text(b, REC_CLIENT, e->client);
	record_text(b, REC_HELO, e->helo);
	record_text(b, REC_LOGIN, e->login);
	record_text(b, REC_PROTOCOL, e->protocol);
	for (uint32_t i = 0; i < c->nedits; i++)
		encode_edit(b, &c->edits[i]);
	for (uint32_t i = 0; i < e->nactions; i++)
		encode_action(b, &e->actions[i]);
	for (uint32_t i = 0; i < e->nrcpts; i++)
		encode_rcpt(b, &e->rcpts[i]);
	for (uint32_t i = 0; i < c->ntargets; i++)
		encode_target(b, &c->targets[i]);
	return b->full ? -1 : 0;
}

/* --- reading --------------------------------------------------------------------------------- */

struct reader {
	struct arena *a;
	struct spool_content *c;
	uint32_t max_rcpts, max_targets;
	bool meta;
};

static struct str whole(struct get *g, size_t max)
{
	struct str s = str_bytes(g->p, (size_t)(g->end - g->p));

	if (s.n > max || str_find(s, '\0') != -1 || str_find(s, '\r') != -1 ||
	    str_find(s, '\n') != -1)
		g->bad = true;
	g->p = g->end;
	return s;
}

static void read_meta(struct get *g, struct reader *r)
{
	struct envelope *e = &r->c->envelope;

	if (r->meta)
		g->bad = true;
	r->meta = true;
	e->trace = get_u64(g);
	e->arrival = get_i64(g);
	e->ret = get_u8(g);
	e->eightbit = get_bool(g);
	e->utf8 = get_bool(g);
	if (e->ret > RET_HDRS)
		g->bad = true;
}

static void read_release(struct get *g, struct reader *r)
{
	struct envelope *e = &r->c->envelope;

	e->release = get_i64(g);
	e->hold_for = get_u32(g);
	if (e->release <= 0)
		g->bad = true;
}

static void read_tls(struct get *g, struct reader *r)
{
	struct envelope *e = &r->c->envelope;

	e->tls = get_u8(g);
	if (e->tls == TLS_BY_POLICY || e->tls >= TLS_DEMANDS)
		g->bad = true;
}

static void read_lane(struct get *g, struct reader *r)
{
	r->c->lane = get_u8(g);
	r->c->lane_rule = arena_str(r->a, get_line(g, RULE_MAX));
	if (r->c->lane >= LANES || r->c->lane_rule.n == 0)
		g->bad = true;
}

#define TEXT_READER(field)                                                                         \
	static void read_##field(struct get *g, struct reader *r)                                  \
	{                                                                                          \
		r->c->envelope.field = arena_str(r->a, whole(g, TEXT_MAX));                        \
	}

TEXT_READER(sender)
TEXT_READER(envid)
TEXT_READER(client)
TEXT_READER(helo)
TEXT_READER(login)
TEXT_READER(protocol)

static void read_rcpt(struct get *g, struct reader *r)
{
	struct envelope *e = &r->c->envelope;
	struct envelope_rcpt *x;

	if (e->nrcpts >= r->max_rcpts) {
		g->bad = true;
		return;
	}
	x = &e->rcpts[e->nrcpts++];
	x->addr = arena_str(r->a, get_line(g, ADDRESS_MAX));
	x->orcpt = arena_str(r->a, get_line(g, ORCPT_MAX));
	x->notify = get_u8(g);
	if (x->addr.n == 0 || (x->notify & ~NOTIFY_ALL) != 0)
		g->bad = true;
}

static void read_edit(struct get *g, struct reader *r)
{
	struct edit *x;

	if (r->c->nedits >= EDITS_MAX) {
		g->bad = true;
		return;
	}
	if (r->c->edits == NULL)
		r->c->edits = arena_array(r->a, EDITS_MAX, sizeof *r->c->edits);
	x = &r->c->edits[r->c->nedits++];
	x->kind = get_u8(g);
	x->index = get_u32(g);
	x->name = arena_str(r->a, get_line(g, EDIT_NAME_MAX));
	x->value = arena_str(r->a, get_str(g, EDIT_VALUE_MAX));
	if (x->kind > EDIT_DELETE || x->name.n == 0)
		g->bad = true;
}

static void read_action(struct get *g, struct reader *r)
{
	struct envelope *e = &r->c->envelope;
	struct action *x;

	if (e->nactions >= ACTIONS_MAX) {
		g->bad = true;
		return;
	}
	if (e->actions == NULL)
		e->actions = arena_array(r->a, ACTIONS_MAX, sizeof *e->actions);
	x = &e->actions[e->nactions++];
	get_action(g, x);
	x->value = arena_str(r->a, x->value);
	x->rule = arena_str(r->a, x->rule);
}

static void read_target(struct get *g, struct reader *r)
{
	struct spool_target *t;

	if (r->c->ntargets >= r->max_targets) {
		g->bad = true;
		return;
	}
	t = &r->c->targets[r->c->ntargets++];
	t->rcpt = get_u32(g);
	t->route.transport = get_u8(g);
	t->route.addr = arena_str(r->a, get_line(g, ADDRESS_MAX));
	t->route.nexthop = arena_str(r->a, get_line(g, NEXTHOP_MAX));
	t->route.owner = arena_str(r->a, get_line(g, ADDRESS_MAX));
	t->route.home = arena_str(r->a, get_line(g, HOME_MAX));
	t->route.folder = arena_str(r->a, get_line(g, HOME_MAX));
	t->route.uid = get_u32(g);
	t->route.gid = get_u32(g);
	get_status(g, &t->route.status);
	t->route.way = arena_str(r->a, get_str(g, WAY_MAX));
	if (g->p < g->end) /* before there were pools the record ended here */
		t->route.pool = arena_str(r->a, get_line(g, SOURCE_NAME_MAX));
	if (t->route.transport >= TRANSPORT_MAX || t->route.addr.n == 0)
		g->bad = true;
}

static const struct {
	uint16_t type;
	void (*read)(struct get *g, struct reader *r);
} readers[] = {
	{ REC_META, read_meta },
	{ REC_SENDER, read_sender },
	{ REC_ENVID, read_envid },
	{ REC_CLIENT, read_client },
	{ REC_HELO, read_helo },
	{ REC_LOGIN, read_login },
	{ REC_PROTOCOL, read_protocol },
	{ REC_RCPT, read_rcpt },
	{ REC_EDIT, read_edit },
	{ REC_TARGET, read_target },
	{ REC_ACTION, read_action },
	{ REC_RELEASE, read_release },
	{ REC_TLS, read_tls },
	{ REC_LANE, read_lane },
};

static int read_record(struct get *g, struct reader *r)
{
	uint16_t type = get_u16(g);
	struct get payload = get_start(get_str(g, RECORD_MAX));

	if (g->bad)
		return -1;
	for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
		if (readers[i].type == type) {
			readers[i].read(&payload, r);
			return get_end(&payload);
		}
	}
	return (type & REC_OPTIONAL) != 0 ? 0 : -1;
}

int records_decode(
    struct str bytes, struct arena *a, const struct spool_layout *l, struct spool_content *c)
{
	struct get g = get_start(bytes);
	struct reader r = { .a = a, .c = c };

	*c = (struct spool_content){ 0 };
	/* a record is never smaller than its head: bounds what is allocated by what is there */
	if (l->slots > bytes.n / RECORD_FIXED)
		return -1;
	if (l->kind == SPOOL_MESSAGE) {
		r.max_rcpts = l->slots;
		c->envelope.rcpts = arena_array(a, l->slots, sizeof *c->envelope.rcpts);
	} else {
		r.max_targets = l->slots;
		c->targets = arena_array(a, l->slots, sizeof *c->targets);
	}
	while (g.p < g.end) {
		if (read_record(&g, &r) == -1)
			return -1;
	}
	if (!r.meta || c->envelope.nrcpts != r.max_rcpts || c->ntargets != r.max_targets)
		return -1;
	return 0;
}
