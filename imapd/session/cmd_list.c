/* LIST and LSUB: RFC 3501 6.3.8, RFC 3348, RFC 5258, RFC 5819, RFC 6154. */
#include <string.h>

#include "commands.h"
#include "io.h"
#include "mutf7.h"
#include "pattern.h"
#include "status.h"

enum { PATTERNS = 64, PATTERN_BYTES = 1024 };

enum {
	SELECT_SUBSCRIBED = 1,
	SELECT_REMOTE = 2,
	SELECT_RECURSIVE = 4,
	SELECT_SPECIAL_USE = 8,
	RETURN_SUBSCRIBED = 16,
	RETURN_CHILDREN = 32,
	RETURN_SPECIAL_USE = 64,
	RETURN_STATUS = 128,
};

struct list {
	unsigned options;
	unsigned status; /* STATUS_* */
	bool extended; /* the client speaks RFC 5258 */
	struct str patterns[PATTERNS];
	unsigned n;
	struct str reference;
};

/* --- arguments ------------------------------------------------------------------------------- */

static const struct option {
	struct str name;
	unsigned bit;
} select_options[] = { { { "SUBSCRIBED", 10 }, SELECT_SUBSCRIBED },
	{ { "REMOTE", 6 }, SELECT_REMOTE }, { { "RECURSIVEMATCH", 14 }, SELECT_RECURSIVE },
	{ { "SPECIAL-USE", 11 }, SELECT_SPECIAL_USE }, { { NULL, 0 }, 0 } },
  return_options[] = { { { "SUBSCRIBED", 10 }, RETURN_SUBSCRIBED },
	  { { "CHILDREN", 8 }, RETURN_CHILDREN }, { { "SPECIAL-USE", 11 }, RETURN_SPECIAL_USE },
	  { { "STATUS", 6 }, RETURN_STATUS }, { { NULL, 0 }, 0 } };

static bool take_option(struct parse *p, struct list *l, const struct option *rows)
{
	struct str name;

	if (!parse_atom(p, &name))
		return false;
	for (; rows->bit != 0; rows++) {
		if (!str_caseeq(rows->name, name))
			continue;
		l->options |= rows->bit;
		if (rows->bit != RETURN_STATUS)
			return true;
		return parse_sp(p) && status_parse(p, &l->status);
	}
	return parse_fail(p, "unknown option");
}

static bool take_options(struct parse *p, struct list *l, const struct option *rows)
{
	l->extended = true;
	if (!parse_char(p, '('))
		return false;
	if (parse_skip(p, ')'))
		return true;
	do {
		if (!take_option(p, l, rows))
			return false;
	} while (parse_skip(p, ' '));
	return parse_char(p, ')');
}

static bool take_pattern(struct session *s, struct parse *p, struct list *l)
{
	struct str pattern;

	if (!parse_list_mailbox(p, &pattern))
		return false;
	if (l->n == PATTERNS || pattern.n + l->reference.n > PATTERN_BYTES)
		return parse_fail(p, "pattern is too long");
	/* An empty one asks for the separator and has no match; one that is no name has none either. */
	if (pattern.n > 0 && mutf7_decode(&s->arena, pattern, &pattern))
		pattern = pattern_make(&s->arena, l->reference, pattern);
	l->patterns[l->n++] = pattern;
	return true;
}

static bool take_patterns(struct session *s, struct parse *p, struct list *l)
{
	if (!parse_skip(p, '('))
		return take_pattern(s, p, l);
	l->extended = true;
	do {
		if (!take_pattern(s, p, l))
			return false;
	} while (parse_skip(p, ' '));
	return parse_char(p, ')');
}

static bool take_arguments(struct session *s, struct parse *p, struct list *l)
{
	struct str word;

	if (!parse_sp(p))
		return false;
	if (parse_at(p, '(') && (!take_options(p, l, select_options) || !parse_sp(p)))
		return false;
	if (!parse_mailbox(p, &l->reference) || !parse_sp(p) || !take_patterns(s, p, l))
		return false;
	if (parse_skip(p, ' ')) {
		if (!parse_atom(p, &word) || !str_caseeq(word, STR("RETURN")))
			return parse_fail(p, "expected RETURN");
		if (!parse_sp(p) || !take_options(p, l, return_options))
			return false;
	}
	if ((l->options & SELECT_RECURSIVE) &&
	    !(l->options & (SELECT_SUBSCRIBED | SELECT_SPECIAL_USE)))
		return parse_fail(p, "RECURSIVEMATCH needs another option");
	return parse_end(p);
}

/* --- answers --------------------------------------------------------------------------------- */

static bool matches(const struct list *l, struct str name)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (l->patterns[i].n > 0 && pattern_match(l->patterns[i], name))
			return true;
	}
	return false;
}

static bool selected(const struct list *l, const struct store_box *box)
{
	if ((l->options & SELECT_SUBSCRIBED) && !(box->flags & STORE_BOX_SUBSCRIBED))
		return false;
	return !(l->options & SELECT_SPECIAL_USE) || box->use != STORE_USE_NONE;
}

static bool is_below(struct str name, struct str parent)
{
	return name.n > parent.n && name.p[parent.n] == '/' && str_starts(name, parent);
}

/* Is a mailbox below boxes[i] selected? What is below stands right behind it. */
static bool selected_below(const struct list *l, const struct store_box *boxes, size_t n, size_t i)
{
	for (size_t k = i + 1; k < n; k++) {
		if (is_below(boxes[k].name, boxes[i].name)) {
			if (selected(l, &boxes[k]))
				return true;
		} else if (str_cmp(boxes[k].name, boxes[i].name) > 0 &&
			   !str_starts(boxes[k].name, boxes[i].name)) {
			return false;
		}
	}
	return false;
}

static void put_box(
    struct session *s, const struct list *l, const struct store_box *box, bool child)
{
	struct buf *b = &s->out;

	buf_z(b, "* LIST (");
	buf_z(b, box->flags & STORE_BOX_CHILDREN ? "\\HasChildren" : "\\HasNoChildren");
	if (box->flags & STORE_BOX_NOSELECT)
		buf_z(b, l->extended ? " \\NonExistent" : " \\Noselect");
	else if (box->flags & STORE_BOX_MARKED)
		buf_z(b, " \\Marked");
	if ((l->options & (SELECT_SUBSCRIBED | RETURN_SUBSCRIBED)) &&
	    (box->flags & STORE_BOX_SUBSCRIBED))
		buf_z(b, " \\Subscribed");
	if (box->use != STORE_USE_NONE)
		buf_printf(b, " %s", store_use_name(box->use));
	buf_z(b, ") \"/\" ");
	out_mailbox(b, box->name);
	if (child)
		buf_z(b, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	buf_z(b, "\r\n");
}

/* Copies what matches: store_status() ends what store_list() gave out. */
static size_t choose(struct session *s, const struct list *l, const struct store_box *boxes,
    size_t n, struct store_box *out, bool *child)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		bool below = false, itself = selected(l, &boxes[i]);

		if (!matches(l, boxes[i].name))
			continue;
		if (l->options & SELECT_RECURSIVE)
			below = selected_below(l, boxes, n, i);
		if (!itself && !below)
			continue;
		out[k] = boxes[i];
		out[k].name = arena_str(&s->arena, boxes[i].name);
		child[k++] = below;
	}
	return k;
}

void cmd_list(struct session *s, struct parse *p)
{
	struct list *l = arena_alloc(&s->arena, sizeof *l);
	const struct store_box *boxes;
	struct store_box *out;
	bool *child;
	size_t n;
	enum store_error e;

	if (!take_arguments(s, p, l)) {
		reply_parse(s, p);
		return;
	}
	if (l->n == 1 && l->patterns[0].n == 0)
		buf_z(&s->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
	e = store_list(s->store, (l->options & SELECT_SUBSCRIBED) != 0, &boxes, &n);
	if (e != STORE_OK) {
		reply_store(s, e, NULL);
		return;
	}
	out = arena_array(&s->arena, n, sizeof *out);
	child = arena_array(&s->arena, n, sizeof *child);
	n = choose(s, l, boxes, n, out, child);
	for (size_t i = 0; i < n && io_commit(s); i++) {
		put_box(s, l, &out[i], child[i]);
		if (l->status != 0 && !(out[i].flags & STORE_BOX_NOSELECT))
			status_put(s, out[i].name, l->status);
	}
	reply_ok(s, "LIST completed");
}

/* --- LSUB ------------------------------------------------------------------------------------ */

static bool is_subscribed(const struct store_box *boxes, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++) {
		if ((boxes[i].flags & STORE_BOX_SUBSCRIBED) && str_eq(boxes[i].name, name))
			return true;
	}
	return false;
}

/*
 * A '%' shows parents of subscribed names too, as \Noselect (RFC 3501 6.3.9). boxes[i] does not
 * match; before is the subscribed name in front of it, whose parents have been shown.
 */
static void put_parents(struct session *s, const struct list *l, const struct store_box *boxes,
    size_t i_box, struct str before)
{
	struct str name = boxes[i_box].name;

	for (size_t i = 0; i < name.n; i++) {
		struct str parent = str_take(name, i);

		if (name.p[i] != '/' || is_below(before, parent) || !matches(l, parent) ||
		    is_subscribed(boxes, i_box, parent))
			continue;
		buf_z(&s->out, "* LSUB (\\Noselect) \"/\" ");
		out_mailbox(&s->out, parent);
		buf_z(&s->out, "\r\n");
	}
}

void cmd_lsub(struct session *s, struct parse *p)
{
	struct list *l = arena_alloc(&s->arena, sizeof *l);
	const struct store_box *boxes;
	struct str before = STR_NONE;
	size_t n;
	enum store_error e;

	if (!parse_sp(p) || !parse_mailbox(p, &l->reference) || !parse_sp(p) ||
	    !take_pattern(s, p, l) || !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	e = store_list(s->store, true, &boxes, &n);
	if (e != STORE_OK) {
		reply_store(s, e, NULL);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!(boxes[i].flags & STORE_BOX_SUBSCRIBED))
			continue;
		if (matches(l, boxes[i].name)) {
			buf_z(&s->out, "* LSUB () \"/\" ");
			out_mailbox(&s->out, boxes[i].name);
			buf_z(&s->out, "\r\n");
		} else {
			put_parents(s, l, boxes, i, before);
		}
		before = boxes[i].name;
	}
	reply_ok(s, "LSUB completed");
}
