/* How a message gets into the queue: the packets. See queue.h. */
#include "proto/queue.h"

#include "net/dns.h"
#include "proto/grant.h"

enum {
	PART_FIRST = 1, /* holds the envelope and the edits */
	PART_MORE = 2, /* another part follows */
	PART_TAIL = 4, /* bytes of the number of recipients */
	RCPT_FIXED = 9, /* two lengths and the notify byte */
	EDIT_FIXED = 13,
	NOTIFY_ALL = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY,
};

void put_stock(struct put *w, const struct queue_stock *s)
{
	put_u64(w, s->room);
	put_u32(w, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		put_u64(w, s->ids[i]);
}

int get_stock(struct get *g, struct queue_stock *s)
{
	s->room = get_u64(g);
	s->n = get_u32(g);
	if (s->n > STOCK_PACKET) {
		s->n = 0;
		return -1;
	}
	for (uint32_t i = 0; i < s->n; i++)
		s->ids[i] = get_u64(g);
	return get_end(g);
}

void put_large(struct put *w, const struct queue_large *l)
{
	put_u64(w, l->trace);
	put_u64(w, l->id);
	put_u64(w, l->expected);
}

int get_large(struct get *g, struct queue_large *l)
{
	l->trace = get_u64(g);
	l->id = get_u64(g);
	l->expected = get_u64(g);
	return get_end(g);
}

void put_queue_answer(struct put *w, const struct queue_answer *a)
{
	put_status(w, &a->status);
	put_u64(w, a->fresh);
}

int get_queue_answer(struct get *g, struct queue_answer *a)
{
	get_status(g, &a->status);
	a->fresh = get_u64(g);
	return get_end(g);
}

void put_edits(struct put *w, const struct edit *e, uint32_t n)
{
	put_u32(w, n);
	for (uint32_t i = 0; i < n; i++) {
		put_u8(w, e[i].kind);
		put_u32(w, e[i].index);
		put_str(w, e[i].name);
		put_str(w, e[i].value);
	}
}

int get_edits(struct get *g, struct arena *a, struct edit **e, uint32_t *n)
{
	uint32_t count = get_u32(g);

	*e = NULL;
	*n = 0;
	if (count > EDITS_MAX || (size_t)(g->end - g->p) / EDIT_FIXED < count)
		g->bad = true;
	if (g->bad)
		return -1;
	*e = arena_array(a, count, sizeof **e);
	for (uint32_t i = 0; i < count; i++) {
		struct edit *x = &(*e)[i];

		x->kind = get_u8(g);
		x->index = get_u32(g);
		x->name = arena_str(a, get_line(g, EDIT_NAME_MAX));
		x->value = arena_str(a, get_str(g, EDIT_VALUE_MAX));
		if (x->kind > EDIT_DELETE || x->name.n == 0)
			g->bad = true;
	}
	if (!g->bad)
		*n = count;
	return get_ok(g);
}

/* --- a commit and its parts ------------------------------------------------------------------ */

/* How many recipients from `from` on fit into room bytes. */
static uint32_t rcpts_that_fit(const struct envelope *e, uint32_t from, size_t room)
{
	uint32_t n = 0;

	while (from + n < e->nrcpts) {
		const struct envelope_rcpt *r = &e->rcpts[from + n];
		size_t size = RCPT_FIXED + r->addr.n + r->orcpt.n;

		if (size > room)
			break;
		room -= size;
		n++;
	}
	return n;
}

/*
 * A part: {u64 id, u64 size, u32 recipients of the whole commit, u8 flags, and in the first part
 * the edits and the envelope without recipients, u32 n, n recipients}.
 */
void put_commit(struct put *w, const struct queue_commit *c, uint32_t *from)
{
	const struct envelope *e = &c->envelope;
	struct envelope head = *e;
	size_t flags_at;
	uint32_t n;

	put_u64(w, c->id);
	put_u64(w, c->size);
	put_u32(w, e->nrcpts);
	flags_at = w->n;
	put_u8(w, 0);
	if (*from == 0) {
		head.nrcpts = 0;
		put_u32(w, c->outgoing);
		put_u32(w, c->per_hour);
		put_u32(w, c->per_day);
		put_str(w, c->charged);
		put_edits(w, c->edits, c->nedits);
		put_envelope(w, &head);
	}
	if (w->bad || w->cap - w->n < PART_TAIL) {
		w->bad = true;
		return;
	}
	n = rcpts_that_fit(e, *from, w->cap - w->n - PART_TAIL);
	if (n == 0) {
		w->bad = true; /* a part without recipients would never end */
		return;
	}
	w->p[flags_at] =
	    (uint8_t)((*from == 0 ? PART_FIRST : 0) | (*from + n < e->nrcpts ? PART_MORE : 0));
	put_u32(w, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct envelope_rcpt *r = &e->rcpts[*from + i];

		put_str(w, r->addr);
		put_str(w, r->orcpt);
		put_u8(w, r->notify);
	}
	*from += n;
}

static void get_commit_rcpt(struct get *g, struct arena *a, struct envelope_rcpt *r)
{
	r->addr = arena_str(a, get_line(g, ADDRESS_MAX));
	r->orcpt = arena_str(a, get_line(g, ORCPT_MAX));
	r->notify = get_u8(g);
	if (r->addr.n == 0 || (r->notify & ~NOTIFY_ALL) != 0)
		g->bad = true;
}

/* The part that opens a commit. */
static int get_commit_head(struct get *g, struct arena *a, struct queue_commit *c, uint32_t total)
{
	c->outgoing = get_u32(g);
	c->per_hour = get_u32(g);
	c->per_day = get_u32(g);
	c->charged = arena_str(a, get_line(g, LOGIN_MAX));
	if (c->outgoing > total || get_edits(g, a, &c->edits, &c->nedits) == -1 ||
	    get_envelope(g, a, &c->envelope) == -1 || c->envelope.nrcpts != 0)
		return -1;
	c->envelope.rcpts = arena_array(a, total, sizeof *c->envelope.rcpts);
	return 0;
}

int get_commit_part(struct get *g, struct arena *a, struct queue_commit *c, bool *more)
{
	struct envelope *e = &c->envelope;
	uint64_t id = get_u64(g), size = get_u64(g);
	uint32_t total = get_u32(g), n;
	uint8_t flags = get_u8(g);
	bool first = e->rcpts == NULL;

	*more = (flags & PART_MORE) != 0;
	if (g->bad || (flags & ~(PART_FIRST | PART_MORE)) != 0 ||
	    first != ((flags & PART_FIRST) != 0) || total == 0 || total > ENVELOPE_RCPTS ||
	    (!first && (id != c->id || size != c->size)))
		return -1;
	c->id = id;
	c->size = size;
	if (first && get_commit_head(g, a, c, total) == -1)
		return -1;
	n = get_u32(g);
	if (g->bad || n == 0 || n > total - e->nrcpts)
		return -1;
	for (uint32_t i = 0; i < n && !g->bad; i++)
		get_commit_rcpt(g, a, &e->rcpts[e->nrcpts++]);
	if (get_end(g) == -1 || *more != (e->nrcpts < total))
		return -1;
	return 0;
}

void put_queue_report(struct put *w, const struct queue_report *r)
{
	put_u64(w, r->trace);
	put_str(w, r->domain);
	put_str(w, r->to);
	put_str(w, r->text);
}

int get_queue_report(struct get *g, struct queue_report *r)
{
	r->trace = get_u64(g);
	r->domain = get_line(g, DNS_NAME_MAX);
	r->to = get_line(g, ADDRESS_MAX);
	r->text = get_str(g, QUEUE_REPORT_MAX);
	if (!dns_name_valid(r->domain) || r->to.n == 0 || r->text.n == 0)
		g->bad = true;
	return get_end(g);
}
