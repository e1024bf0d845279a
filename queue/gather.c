/* Facts about messages. See gather.h. */
#include "gather.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/loop.h"
#include "lane.h"
#include "spool.h"

/* As in Postfix, who has got it is not listed any more. */
static bool listed(uint8_t state)
{
	return state != SLOT_DONE && state != SLOT_BOUNCED;
}

static struct str status_text(struct arena *a, const struct status *st)
{
	char text[FACTS_STATUS_MAX];

	return arena_str(a, facts_status_text(st, text));
}

/* An alias is listed as what it became. */
static void set_address(struct facts_rcpt *r, struct str given, const struct route *route)
{
	r->addr = route != NULL ? route->addr : given;
	r->given = str_eq(r->addr, given) ? STR_NONE : given;
}

static void set_envelope(
    struct facts *f, const struct spool_content *c, const struct spool_layout *l, int64_t arrival)
{
	const struct envelope *e = &c->envelope;

	f->known = true;
	f->lane_rule = c->lane_rule;
	f->trace = e->trace;
	f->parent = l->parent;
	f->body_size = l->body_size;
	f->arrival = arrival / 1000000;
	f->release = e->release;
	f->tls = e->tls;
	f->sender = e->sender;
	f->login = e->login;
	f->client = e->client;
	f->actions = e->actions;
	f->nactions = e->nactions;
	f->left = f->nrcpts = 0;
}

/* --- in memory -------------------------------------------------------------------------------- */

void gather_head(const struct entry *e, struct facts *f)
{
	*f = (struct facts){
		.id = entry_id(e), .state = e->state, .size = e->size, .trashed = e->trashed
	};
	if (e->state == ENTRY_DEFERRED || (e->state == ENTRY_TRASH && !e->moving))
		f->next = wall_seconds() + (int64_t)e->node.due - (int64_t)(loop_now() / 1000);
}

int gather_message(const struct message *m, struct arena *a, uint32_t max, struct facts *f)
{
	uint32_t room = m->ntargets < max ? m->ntargets : max;
	struct facts_rcpt *rcpts;

	if (m->state == M_COLLECTING || m->state == M_LOADING || m->content.envelope.rcpts == NULL)
		return -1;
	set_envelope(f, &m->content, &m->layout, m->content.envelope.arrival);
	f->rcpts = rcpts = arena_array(a, room, sizeof *rcpts);
	for (uint32_t i = 0; i < m->ntargets; i++) {
		const struct target *t = &m->targets[i];
		struct facts_rcpt *r;

		if (t->expanded || !listed(t->state) || f->left++ >= max)
			continue;
		r = &rcpts[f->nrcpts++];
		r->target = target_number(t);
		set_address(r, target_rcpt(m, t)->addr, t->route);
		r->relay = t->relay;
		r->status = status_text(a, t->status);
		r->attempts = t->attempts;
		r->state = t->state;
	}
	f->whole = f->nrcpts == f->left;
	f->lane = lane_of(&m->content, m->flags, f->left);
	return 0;
}

void gather_entry(
    const struct entry *e, struct arena *a, struct facts_rcpt rcpts[BRIEF_RCPTS], struct facts *f)
{
	gather_head(e, f);
	if (e->m != NULL && gather_message(e->m, a, UINT32_MAX, f) == 0)
		return;
	if (e->brief != NULL && brief_read(brief_bytes(e->brief), f, rcpts) == -1)
		f->known = false;
}

/* --- on disk ---------------------------------------------------------------------------------- */

struct part {
	struct spool_layout layout;
	struct spool_content content;
	struct slot *slots;
};

static int read_part(uint64_t id, unsigned n, int64_t trashed, struct arena *a, struct part *p)
{
	int fd = trashed != 0 && n == 0 ? spool_open_trash(id, trashed, O_RDONLY)
					: spool_open_file(id, n, O_RDONLY);
	int r = -1;
	const char *why;

	if (fd == -1)
		return -1;
	if (spool_check(fd, false, &p->layout, &why) == SPOOL_GOOD && p->layout.id == id &&
	    spool_read(fd, &p->layout, a, &p->content, &p->slots, &why) == SPOOL_GOOD)
		r = 0;
	close(fd);
	return r;
}

/* By recipient, the last part in which others stand for it, 0 = in none; -1 when that makes no sense. */
static int find_expanded(const struct part *parts, unsigned n, uint8_t *last)
{
	for (unsigned p = 1; p < n; p++) {
		for (uint32_t i = 0; i < parts[p].layout.slots; i++) {
			uint32_t rcpt = parts[p].content.targets[i].rcpt;

			if (rcpt >= parts[0].layout.slots)
				return -1;
			last[rcpt] = (uint8_t)p;
		}
	}
	return 0;
}

static void add_part(struct facts *f, const struct part *p, unsigned n, const struct envelope *e,
    const uint8_t *last, struct facts_rcpt *rcpts, struct arena *a)
{
	bool member = p->layout.kind == SPOOL_EXPANSION;

	for (uint32_t i = 0; i < p->layout.slots; i++) {
		const struct slot *s = &p->slots[i];
		uint32_t rcpt = member ? p->content.targets[i].rcpt : i;
		struct facts_rcpt *r;

		if (n < last[rcpt] || !listed(s->state))
			continue;
		r = &rcpts[f->nrcpts++];
		r->target = target_number(&(struct target){ .part = (uint8_t)n, .index = i });
		set_address(r, e->rcpts[rcpt].addr, member ? &p->content.targets[i].route : NULL);
		r->relay = s->relay;
		r->status = status_text(a, &s->status);
		r->attempts = s->attempts;
		r->state = s->state;
	}
}

int gather_file(struct arena *a, struct facts *f)
{
	struct part parts[SPOOL_PARTS];
	struct facts_rcpt *rcpts;
	unsigned n = 0;
	uint32_t slots = 0;
	uint8_t *last;

	while (n < SPOOL_PARTS && read_part(f->id, n, f->trashed, a, &parts[n]) == 0)
		slots += parts[n++].layout.slots;
	if (n == 0)
		return -1;
	last = arena_array(a, parts[0].layout.slots, sizeof *last);
	if (find_expanded(parts, n, last) == -1)
		return -1; /* damaged: noticed when it is loaded */
	rcpts = arena_array(a, slots, sizeof *rcpts);
	set_envelope(f, &parts[0].content, &parts[0].layout, parts[0].layout.arrival);
	for (unsigned p = 0; p < n; p++)
		add_part(f, &parts[p], p, &parts[0].content.envelope, last, rcpts, a);
	f->rcpts = rcpts;
	f->left = f->nrcpts;
	f->whole = true;
	f->lane = lane_of(&parts[0].content, parts[0].layout.flags, f->left);
	return 0;
}
