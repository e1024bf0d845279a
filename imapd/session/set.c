/* Sequence sets. See set.h. */
#include "set.h"

#include <stdlib.h>

static bool take_number(struct parse *p, uint32_t *out, bool *star)
{
	if (parse_skip(p, '*')) {
		*out = 0;
		*star = true;
		return true;
	}
	if (!parse_u32(p, out))
		return false;
	return *out != 0 || parse_fail(p, "0 is no message number");
}

bool parse_set(struct parse *p, struct set *out)
{
	size_t commas = 0;

	*out = (struct set){ 0 };
	for (const char *c = p->p; c < p->end && *c != ' ' && *c != ')'; c++)
		commas += *c == ',';
	out->ranges = arena_array(p->arena, commas + 1, sizeof *out->ranges);
	do {
		struct range *r = &out->ranges[out->n];

		if (!take_number(p, &r->from, &out->star))
			return false;
		r->to = r->from;
		if (parse_skip(p, ':') && !take_number(p, &r->to, &out->star))
			return false;
		out->n++;
	} while (parse_skip(p, ','));
	return true;
}

static int range_order(const void *va, const void *vb)
{
	const struct range *a = va, *b = vb;

	return (a->from > b->from) - (a->from < b->from);
}

void set_resolve(struct set *s, uint32_t star)
{
	size_t k = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct range *r = &s->ranges[i];

		if (r->from == 0)
			r->from = star;
		if (r->to == 0)
			r->to = star;
		if (r->from > r->to)
			*r = (struct range){ r->to, r->from };
	}
	qsort(s->ranges, s->n, sizeof *s->ranges, range_order);
	for (size_t i = 1; i < s->n; i++) {
		const struct range *r = &s->ranges[i];

		/* from > 0 behind the first one, so this cannot wrap to a false neighbour */
		if (r->from - 1 <= s->ranges[k].to || r->from == 0) {
			if (r->to > s->ranges[k].to)
				s->ranges[k].to = r->to;
		} else {
			s->ranges[++k] = *r;
		}
	}
	s->n = s->n == 0 ? 0 : k + 1;
}

bool set_has(const struct set *s, uint32_t v)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->ranges[mid].to < v)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n && s->ranges[low].from <= v;
}

void set_put(struct buf *b, const uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t k = i;

		while (k + 1 < n && v[k + 1] == v[k] + 1)
			k++;
		if (i > 0)
			buf_char(b, ',');
		if (k == i)
			buf_printf(b, "%u", v[i]);
		else
			buf_printf(b, "%u:%u", v[i], v[k]);
		i = k + 1;
	}
}
