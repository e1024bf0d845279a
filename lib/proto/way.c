/* Ways to other hosts. See way.h. */
#include "proto/way.h"

#include "mail/envelope.h"
#include "proto/families.h"
#include "proto/tls_wish.h"

static void put_hop(struct put *w, const struct way_hop *h)
{
	put_str(w, h->nexthop);
	put_str(w, h->tls);
	put_str(w, str_take(h->tls_rule, RULE_MAX));
	put_u8(w, h->group);
	put_u16(w, h->weight);
}

static void get_hop(struct get *g, struct way_hop *h)
{
	h->nexthop = get_line(g, NEXTHOP_MAX);
	h->tls = get_line(g, TLS_WISH_MAX + WAY_DEMANDS / WAY_HOPS);
	h->tls_rule = get_line(g, RULE_MAX);
	h->group = get_u8(g);
	h->weight = get_u16(g);
	h->family = h->family_rule = STR_NONE;
	if (h->nexthop.n == 0 || h->weight == 0 || h->weight > WAY_WEIGHT_MAX)
		g->bad = true;
}

static void put_family(struct put *w, const struct way_hop *h)
{
	put_str(w, h->family);
	put_str(w, str_take(h->family_rule, RULE_MAX));
}

static void get_family(struct get *g, struct way_hop *h)
{
	struct families unused;

	h->family = get_line(g, FAMILIES_TEXT_MAX);
	h->family_rule = get_line(g, RULE_MAX);
	if (h->family.n > 0 && families_parse(h->family, &unused) == -1)
		g->bad = true;
}

void put_way_hop(struct put *w, const struct way_hop *h)
{
	put_hop(w, h);
	put_family(w, h);
}

void get_way_hop(struct get *g, struct way_hop *h)
{
	get_hop(g, h);
	get_family(g, h);
}

/* What may stand behind the hops. */
enum { PART_FAMILIES = 1 };

void put_way(struct put *w, const struct way *y)
{
	bool families = false;

	put_u8(w, (uint8_t)y->n);
	for (unsigned i = 0; i < y->n; i++) {
		put_hop(w, &y->hop[i]);
		families |= y->hop[i].family.n > 0;
	}
	if (!families)
		return;
	put_u8(w, PART_FAMILIES);
	for (unsigned i = 0; i < y->n; i++)
		put_family(w, &y->hop[i]);
}

int get_way(struct get *g, struct way *y)
{
	y->n = get_u8(g);
	if (y->n == 0 || y->n > WAY_HOPS) {
		y->n = 0;
		g->bad = true;
	}
	for (unsigned i = 0; i < y->n; i++) {
		get_hop(g, &y->hop[i]);
		if (i > 0 && y->hop[i].group < y->hop[i - 1].group)
			g->bad = true;
	}
	if (!g->bad && g->p < g->end) {
		if (get_u8(g) != PART_FAMILIES)
			g->bad = true;
		for (unsigned i = 0; i < y->n; i++)
			get_family(g, &y->hop[i]);
	}
	return get_end(g);
}

struct str way_encode(const struct way *y, struct arena *a)
{
	uint8_t space[WAY_MAX];
	struct put w = put_into(space, sizeof space);

	put_way(&w, y);
	return w.bad ? STR_NONE : arena_str(a, put_view(&w));
}

int way_decode(struct str bytes, struct way *y)
{
	struct get g = get_start(bytes);

	return get_way(&g, y);
}

static struct str demanded(struct str tls, uint8_t demand, bool report, struct arena *a)
{
	struct tls_wish w;

	if (tls_wish_parse(tls, &w) == -1)
		return tls;
	if (demand == TLS_REQUIRED)
		return arena_printf(a, "%.*s requiretls%s", STR_ARG(tls), report ? "=offered" : "");
	if (w.level == TLS_LEVEL_DANE)
		return arena_printf(
		    a, "%s%s", w.implicit ? "encrypt implicit" : "may", w.auth ? " auth" : "");
	return tls;
}

struct str way_demanded(struct str way, uint8_t demand, bool report, struct arena *a)
{
	struct way y;

	if (demand == TLS_BY_POLICY || way_decode(way, &y) == -1)
		return way;
	for (unsigned i = 0; i < y.n; i++)
		y.hop[i].tls = demanded(y.hop[i].tls, demand, report, a);
	return way_encode(&y, a);
}

bool way_same_hop(const struct way_hop *a, const struct way_hop *b)
{
	return str_eq(a->nexthop, b->nexthop) && str_eq(a->tls, b->tls) &&
	       str_eq(a->family, b->family);
}
