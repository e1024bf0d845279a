/* Lists of next hops. See hops.h. */
#include "hops.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

/* The next word of a list; a bar is one. Empty at the end. */
static struct str take_word(struct str *rest)
{
	struct str word;
	size_t n = 0;

	while (rest->n > 0 && is_blank(rest->p[0]))
		*rest = str_skip(*rest, 1);
	while (n < rest->n && !is_blank(rest->p[n]) && rest->p[n] != '|')
		n++;
	if (n == 0 && rest->n > 0)
		n = 1;
	word = str_take(*rest, n);
	*rest = str_skip(*rest, n);
	return word;
}

static const char *set_weight(struct str number, struct way_hop *h)
{
	uint64_t weight;

	if (str_u64(number, WAY_WEIGHT_MAX, &weight) == -1 || weight == 0)
		return "a weight is a number from 1 to 1000";
	h->weight = (uint16_t)weight;
	return NULL;
}

static const char *add_hop(struct str word, uint8_t group, struct way *y)
{
	if (y->n == WAY_HOPS)
		return "it has more than 16 next hops";
	if (word.n > NEXTHOP_MAX)
		return "a next hop is too long";
	y->hop[y->n++] = (struct way_hop){ .nexthop = word, .group = group, .weight = 1 };
	return NULL;
}

const char *hops_parse(struct str text, struct way *y)
{
	const struct str weight = STR("weight=");
	unsigned first = y->n;
	uint8_t next = (uint8_t)(first == 0 ? 0 : y->hop[first - 1].group + 1);
	struct str word;
	const char *why = NULL;
	bool beside = false; /* a bar stands before */

	while (why == NULL && (word = take_word(&text)).n > 0) {
		struct way_hop *last = y->n > first ? &y->hop[y->n - 1] : NULL;

		if (str_eq(word, STR("|"))) {
			if (last == NULL || beside)
				return "a bar has nothing before it";
			beside = true;
		} else if (str_starts(word, weight)) {
			if (last == NULL || beside)
				return "a weight has no next hop before it";
			why = set_weight(str_skip(word, weight.n), last);
		} else {
			why = add_hop(word, beside ? last->group : next, y);
			next = (uint8_t)((beside ? last->group : next) + 1);
			beside = false;
		}
	}
	if (why == NULL && y->n == first)
		why = "it names no next hop";
	if (why == NULL && beside)
		why = "a bar has nothing behind it";
	return why;
}
