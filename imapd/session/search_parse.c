/* Reading what SEARCH asks for (RFC 3501 6.4.4, RFC 4731, RFC 7162 3.1.5). See search.h. */
#include <limits.h>
#include <string.h>

#include "date.h"
#include "mail/mime_decode.h"
#include "search.h"

static struct search_key *new_key(struct parse *p, struct search *s, enum search_kind kind)
{
	struct search_key *k;

	if (++s->keys > SEARCH_KEYS) {
		parse_fail(p, "too many search keys");
		return NULL;
	}
	k = arena_alloc(p->arena, sizeof *k);
	k->kind = kind;
	return k;
}

/* --- keys with one argument ------------------------------------------------------------------ */

struct row {
	struct str name;
	enum search_kind kind;
	enum search_cost cost;
	bool (*take)(struct parse *p, struct search_key *k, int arg);
	int arg;
	uint32_t mask, flags;
};

static bool take_text(struct parse *p, struct search_key *k, int field)
{
	struct str s;
	struct buf b;

	if (!parse_sp(p) || !parse_astring(p, &s))
		return false;
	buf_init(&b, 4 * s.n + 16);
	/* half a character at the end can match nothing */
	utf8_fold(s, &b);
	k->text = arena_str(p->arena, buf_view(&b));
	buf_clear(&b);
	k->field = (enum mime_field)field;
	return true;
}

/* Fields that stand in the ENVELOPE as they are in the header are found there. */
static const struct {
	struct str name;
	enum mime_field field;
} in_envelope[] = { { { "Subject", 7 }, FIELD_SUBJECT }, { { "From", 4 }, FIELD_FROM },
	{ { "To", 2 }, FIELD_TO }, { { "Cc", 2 }, FIELD_CC }, { { "Bcc", 3 }, FIELD_BCC },
	{ { "In-Reply-To", 11 }, FIELD_IN_REPLY_TO }, { { "Message-ID", 10 }, FIELD_MESSAGE_ID } };

static bool take_header(struct parse *p, struct search_key *k, int arg)
{
	if (!parse_sp(p) || !parse_astring(p, &k->name) || !take_text(p, k, arg))
		return false;
	for (size_t i = 0; i < sizeof in_envelope / sizeof *in_envelope; i++) {
		if (str_caseeq(in_envelope[i].name, k->name)) {
			k->kind = KEY_ENVELOPE;
			k->cost = COST_ENVELOPE;
			k->field = in_envelope[i].field;
		}
	}
	return true;
}

enum { BEFORE = -1, ON, SINCE };

static bool take_date(struct parse *p, struct search_key *k, int when)
{
	int64_t day;

	if (!parse_sp(p) || !parse_date(p, &day))
		return false;
	k->from = when == BEFORE ? INT64_MIN : day;
	k->to = when == SINCE ? INT64_MAX : when == ON ? day + DATE_DAY : day;
	return true;
}

enum { SMALLER, LARGER };

static bool take_size(struct parse *p, struct search_key *k, int which)
{
	uint32_t n;

	if (!parse_sp(p) || !parse_u32(p, &n))
		return false;
	k->from = which == LARGER ? (int64_t)n + 1 : 0;
	k->to = which == LARGER ? INT64_MAX : n;
	return true;
}

static bool take_uid(struct parse *p, struct search_key *k, int arg)
{
	(void)arg;
	return parse_sp(p) && parse_set(p, &k->set);
}

static bool take_keyword(struct parse *p, struct search_key *k, int negated)
{
	k->not = negated;
	return parse_sp(p) && parse_atom(p, &k->name);
}

/* [entry-name SP type SP] mod-sequence; there is one mod-sequence for all flags here. */
/* RFC 7162 3.1.5: of which flag, and of whom. All of them have one number here. */
static bool take_entry(struct parse *p)
{
	struct str name, whose;

	if (!parse_string(p, &name) || !parse_sp(p) || !parse_atom(p, &whose) || !parse_sp(p))
		return false;
	if (str_caseeq(whose, STR("all")) || str_caseeq(whose, STR("priv")) ||
	    str_caseeq(whose, STR("shared")))
		return true;
	return parse_fail(p, "expected priv, shared or all");
}

static bool take_modseq(struct parse *p, struct search_key *k, int arg)
{
	(void)arg;
	if (!parse_sp(p) || (parse_at(p, '"') && !take_entry(p)))
		return false;
	return parse_u63(p, &k->modseq);
}

#define N(text)                                                                                    \
	{                                                                                          \
		text, sizeof text - 1                                                              \
	}
#define FLAG(text, mask, flags)                                                                    \
	{                                                                                          \
		N(text), KEY_FLAGS, COST_INDEX, NULL, 0, mask, flags                               \
	}
#define TEXT(text, kind, cost, field)                                                              \
	{                                                                                          \
		N(text), kind, cost, take_text, field, 0, 0                                        \
	}

static const struct row rows[] = {
	{ N("ALL"), KEY_AND, COST_INDEX, NULL, 0, 0, 0 },
	FLAG("ANSWERED", STORE_ANSWERED, STORE_ANSWERED),
	FLAG("DELETED", STORE_DELETED, STORE_DELETED),
	FLAG("DRAFT", STORE_DRAFT, STORE_DRAFT),
	FLAG("FLAGGED", STORE_FLAGGED, STORE_FLAGGED),
	FLAG("SEEN", STORE_SEEN, STORE_SEEN),
	FLAG("RECENT", STORE_RECENT, STORE_RECENT),
	FLAG("NEW", STORE_RECENT | STORE_SEEN, STORE_RECENT),
	FLAG("OLD", STORE_RECENT, 0),
	FLAG("UNANSWERED", STORE_ANSWERED, 0),
	FLAG("UNDELETED", STORE_DELETED, 0),
	FLAG("UNDRAFT", STORE_DRAFT, 0),
	FLAG("UNFLAGGED", STORE_FLAGGED, 0),
	FLAG("UNSEEN", STORE_SEEN, 0),
	{ N("KEYWORD"), KEY_KEYWORD, COST_INDEX, take_keyword, false, 0, 0 },
	{ N("UNKEYWORD"), KEY_KEYWORD, COST_INDEX, take_keyword, true, 0, 0 },
	{ N("BEFORE"), KEY_DATE, COST_INDEX, take_date, BEFORE, 0, 0 },
	{ N("ON"), KEY_DATE, COST_INDEX, take_date, ON, 0, 0 },
	{ N("SINCE"), KEY_DATE, COST_INDEX, take_date, SINCE, 0, 0 },
	{ N("SENTBEFORE"), KEY_SENT, COST_ENVELOPE, take_date, BEFORE, 0, 0 },
	{ N("SENTON"), KEY_SENT, COST_ENVELOPE, take_date, ON, 0, 0 },
	{ N("SENTSINCE"), KEY_SENT, COST_ENVELOPE, take_date, SINCE, 0, 0 },
	{ N("LARGER"), KEY_SIZE, COST_INDEX, take_size, LARGER, 0, 0 },
	{ N("SMALLER"), KEY_SIZE, COST_INDEX, take_size, SMALLER, 0, 0 },
	{ N("UID"), KEY_UID, COST_INDEX, take_uid, 0, 0, 0 },
	{ N("MODSEQ"), KEY_MODSEQ, COST_INDEX, take_modseq, 0, 0, 0 },
	TEXT("SUBJECT", KEY_ENVELOPE, COST_ENVELOPE, FIELD_SUBJECT),
	TEXT("FROM", KEY_ENVELOPE, COST_ENVELOPE, FIELD_FROM),
	TEXT("TO", KEY_ENVELOPE, COST_ENVELOPE, FIELD_TO),
	TEXT("CC", KEY_ENVELOPE, COST_ENVELOPE, FIELD_CC),
	TEXT("BCC", KEY_ENVELOPE, COST_ENVELOPE, FIELD_BCC),
	{ N("HEADER"), KEY_HEADER, COST_HEADER, take_header, 0, 0, 0 },
	TEXT("BODY", KEY_BODY, COST_BODY, 0),
	TEXT("TEXT", KEY_TEXT, COST_BODY, 0),
};

static struct search_key *take_row(struct parse *p, struct search *s, struct str name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		struct search_key *k;

		if (!str_caseeq(r->name, name))
			continue;
		k = new_key(p, s, r->kind);
		if (k == NULL)
			return NULL;
		k->cost = r->cost;
		k->mask = r->mask;
		k->flags = r->flags;
		s->modseq |= k->kind == KEY_MODSEQ;
		return r->take == NULL || r->take(p, k, r->arg) ? k : NULL;
	}
	parse_fail(p, "unknown search key");
	return NULL;
}

/* --- keys of keys ---------------------------------------------------------------------------- */

static struct search_key *take_key(struct parse *p, struct search *s, unsigned depth);

/* Orders children by cost, the rest as they came. */
static void by_cost(struct search_key *parent)
{
	struct search_key *list = NULL, **tail = &list;

	parent->cost = COST_INDEX;
	for (int cost = 0; cost < COSTS; cost++) {
		struct search_key **at = &parent->child;

		while (*at != NULL) {
			struct search_key *k = *at;

			if ((int)k->cost != cost) {
				at = &k->next;
				continue;
			}
			*at = k->next;
			k->next = NULL;
			*tail = k;
			tail = &k->next;
			parent->cost = k->cost;
		}
	}
	parent->child = list;
}

/* Keys up to a closing bracket or the end. */
static struct search_key *take_list(struct parse *p, struct search *s, unsigned depth)
{
	struct search_key *list = new_key(p, s, KEY_AND), **tail;

	if (list == NULL)
		return NULL;
	tail = &list->child;
	do {
		struct search_key *k = take_key(p, s, depth);

		if (k == NULL)
			return NULL;
		*tail = k;
		tail = &k->next;
	} while (parse_skip(p, ' '));
	by_cost(list);
	return list;
}

static struct search_key *take_or(struct parse *p, struct search *s, unsigned depth)
{
	struct search_key *k = new_key(p, s, KEY_OR);

	if (k == NULL || !parse_sp(p) || (k->child = take_key(p, s, depth)) == NULL ||
	    !parse_sp(p) || (k->child->next = take_key(p, s, depth)) == NULL)
		return NULL;
	by_cost(k);
	return k;
}

/* A key of its own around it: NOT NOT x, and NOT UNKEYWORD x, are keys too. */
static struct search_key *take_not(struct parse *p, struct search *s, unsigned depth)
{
	struct search_key *k = new_key(p, s, KEY_AND);

	if (k == NULL || !parse_sp(p) || (k->child = take_key(p, s, depth)) == NULL)
		return NULL;
	k->not = true;
	k->cost = k->child->cost;
	return k;
}

static struct search_key *take_set(struct parse *p, struct search *s)
{
	struct search_key *k = new_key(p, s, KEY_SEQ);

	return k != NULL && parse_set(p, &k->set) ? k : NULL;
}

/* depth bounds the recursion of these functions and of search_match(). */
static struct search_key *take_key(struct parse *p, struct search *s, unsigned depth)
{
	struct search_key *k;
	struct str name;

	if (depth == SEARCH_DEPTH) {
		parse_fail(p, "search keys are nested too deeply");
		return NULL;
	}
	if (parse_skip(p, '(')) {
		k = take_list(p, s, depth + 1);
		return k != NULL && parse_char(p, ')') ? k : NULL;
	}
	if (p->p < p->end && (ascii_digit(*p->p) || *p->p == '*'))
		return take_set(p, s);
	if (!parse_atom(p, &name))
		return NULL;
	if (str_caseeq(name, STR("NOT")))
		return take_not(p, s, depth + 1);
	if (str_caseeq(name, STR("OR")))
		return take_or(p, s, depth + 1);
	return take_row(p, s, name);
}

/* --- in front of the keys -------------------------------------------------------------------- */

static const struct {
	struct str name;
	unsigned bit;
} returns[] = { { { "MIN", 3 }, RETURN_MIN }, { { "MAX", 3 }, RETURN_MAX },
	{ { "ALL", 3 }, RETURN_ALL }, { { "COUNT", 5 }, RETURN_COUNT } };

static bool take_return(struct parse *p, struct search *s)
{
	struct str name;
	unsigned bit;

	s->esearch = true;
	if (!parse_sp(p) || !parse_char(p, '('))
		return false;
	while (!parse_skip(p, ')')) {
		if (!parse_atom(p, &name))
			return false;
		bit = 0;
		for (size_t i = 0; i < sizeof returns / sizeof *returns; i++) {
			if (str_caseeq(returns[i].name, name))
				bit = returns[i].bit;
		}
		if (bit == 0)
			return parse_fail(p, "unknown return option");
		s->ret |= bit;
		parse_skip(p, ' ');
	}
	if (s->ret == 0)
		s->ret = RETURN_ALL;
	return parse_sp(p);
}

/* Takes the word if it comes next. */
static bool skip_word(struct parse *p, struct str word)
{
	struct str rest = { p->p, (size_t)(p->end - p->p) };

	if (!str_casestarts(rest, word) || rest.n == word.n || rest.p[word.n] != ' ')
		return false;
	p->p += word.n;
	return true;
}

bool search_parse(struct parse *p, struct search *out)
{
	struct str charset;

	*out = (struct search){ 0 };
	if (!parse_sp(p))
		return false;
	if (skip_word(p, STR("RETURN")) && !take_return(p, out))
		return false;
	if (skip_word(p, STR("CHARSET"))) {
		if (!parse_sp(p) || !parse_astring(p, &charset) || !parse_sp(p))
			return false;
		out->bad_charset =
		    !str_caseeq(charset, STR("UTF-8")) && !str_caseeq(charset, STR("US-ASCII"));
	}
	out->root = take_list(p, out, 0);
	return out->root != NULL && parse_end(p);
}
