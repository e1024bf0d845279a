/* What is kept of messages that wait. See brief.h. */
#include "brief.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "format.h"
#include "mail/envelope.h"
#include "proto/lane.h"

/*
 * u8 flags, u64 trace, u64 arrival, u64 body size, u32 recipients, sender, login, client, u8 number
 * of those that follow: {u8 state, u16 attempts, address, relay, status}. Strings are {u16, bytes}.
 */
enum {
	FLAG_WHOLE = 1,
	LANE_SHIFT =
	    1, /* in the flags: 1 + enum lane; 0 in briefs that were made before there was one */
	LOGIN_TEXT_MAX = 512,
	RELAY_TEXT_MAX = 512,
};

static void put_short(struct put *w, struct str s)
{
	put_u16(w, (uint16_t)s.n);
	if (w->bad || s.n > w->cap - w->n) {
		w->bad = true;
		return;
	}
	if (s.n > 0)
		memcpy(w->p + w->n, s.p, s.n);
	w->n += s.n;
}

static struct str get_short(struct get *g, size_t max)
{
	size_t n = get_u16(g);
	struct str s;

	if (g->bad || n > max || n > (size_t)(g->end - g->p)) {
		g->bad = true;
		return STR_NONE;
	}
	s = str_bytes(g->p, n);
	g->p += n;
	return s;
}

/* When the last status does not fit it is cut. False: not even the address fits. */
static bool put_rcpt(struct put *w, const struct facts_rcpt *r, bool *cut)
{
	struct put at = *w;
	struct str status = r->status;
	size_t room;

	put_u8(w, r->state);
	put_u16(w, r->attempts);
	put_short(w, r->addr);
	put_short(w, r->relay);
	if (w->bad || w->cap - w->n < sizeof(uint16_t)) {
		*w = at;
		return false;
	}
	room = w->cap - w->n - sizeof(uint16_t);
	*cut = status.n > room;
	put_short(w, str_take(status, room));
	return true;
}

/* What is rare is not kept. */
static bool plain(const struct facts *f)
{
	bool plain = f->nactions == 0 && f->release == 0 && f->parent == 0 && f->whole;

	for (uint32_t i = 0; plain && i < f->nrcpts; i++)
		plain = f->rcpts[i].given.n == 0;
	return plain;
}

struct brief *brief_new(const struct facts *f)
{
	uint8_t space[BRIEF_MAX];
	struct put w = put_into(space, sizeof space);
	size_t count_at;
	uint8_t shown = 0;
	bool cut = false;
	struct brief *b;

	put_u8(&w, 0);
	put_u64(&w, f->trace);
	put_i64(&w, f->arrival);
	put_u64(&w, f->body_size);
	put_u32(&w, f->left);
	put_short(&w, f->sender);
	put_short(&w, f->login);
	put_short(&w, f->client);
	count_at = w.n;
	put_u8(&w, 0);
	if (w.bad)
		return NULL;
	while (!cut && shown < f->nrcpts && shown < BRIEF_RCPTS &&
	       put_rcpt(&w, &f->rcpts[shown], &cut))
		shown++;
	space[count_at] = shown;
	space[0] = (uint8_t)((f->lane + 1) << LANE_SHIFT);
	if (!cut && shown == f->left && plain(f))
		space[0] |= FLAG_WHOLE;
	b = xmalloc(sizeof *b + w.n);
	b->n = (uint16_t)w.n;
	memcpy(b->bytes, space, w.n);
	return b;
}

struct brief *brief_copy(struct str bytes)
{
	struct facts_rcpt rcpts[BRIEF_RCPTS];
	struct facts f;
	struct brief *b;

	if (bytes.n > BRIEF_MAX || brief_read(bytes, &f, rcpts) == -1)
		return NULL;
	b = xmalloc(sizeof *b + bytes.n);
	b->n = (uint16_t)bytes.n;
	memcpy(b->bytes, bytes.p, bytes.n);
	return b;
}

static void get_rcpt(struct get *g, struct facts_rcpt *r)
{
	r->state = get_u8(g);
	r->attempts = get_u16(g);
	r->addr = get_short(g, ADDRESS_MAX);
	r->given = STR_NONE;
	r->relay = get_short(g, RELAY_TEXT_MAX);
	r->status = get_short(g, FACTS_STATUS_MAX);
	if (r->state < SLOT_PENDING || r->state > SLOT_BOUNCED)
		g->bad = true;
}

int brief_read(struct str bytes, struct facts *f, struct facts_rcpt rcpts[BRIEF_RCPTS])
{
	struct get g = get_start(bytes);
	uint8_t flags = get_u8(&g), n;

	f->trace = get_u64(&g);
	f->arrival = get_i64(&g);
	f->body_size = get_u64(&g);
	f->left = get_u32(&g);
	f->sender = get_short(&g, ADDRESS_MAX);
	f->login = get_short(&g, LOGIN_TEXT_MAX);
	f->client = get_short(&g, LOGIN_TEXT_MAX);
	n = get_u8(&g);
	if (g.bad || flags >> LANE_SHIFT > LANES || n > BRIEF_RCPTS || n > f->left)
		return -1;
	for (uint8_t i = 0; i < n; i++)
		get_rcpt(&g, &rcpts[i]);
	f->known = true;
	f->whole = (flags & FLAG_WHOLE) != 0;
	flags >>= LANE_SHIFT;
	f->lane = flags > 0 ? (uint8_t)(flags - 1) : f->sender.n == 0 ? LANE_BOUNCE : LANE_USER;
	f->lane_rule = STR_NONE;
	f->parent = 0;
	f->release = 0;
	f->actions = NULL;
	f->nactions = 0;
	f->rcpts = rcpts;
	f->nrcpts = n;
	return get_end(&g);
}
