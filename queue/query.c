/* Which messages are meant. See query.h. */
#include "query.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "proto/lane.h"

/* --- fields ----------------------------------------------------------------------------------- */

enum kind { KIND_TEXT, KIND_NUMBER, KIND_TIME, KIND_SIZE };

/* A field is of the message, or of each of its recipients. */
struct query_field {
	const char *name;
	enum kind kind;
	bool always; /* known of every message */
	struct str (*text)(const struct facts *f, char space[ID_TEXT + 1]);
	uint64_t (*number)(const struct facts *f, int64_t now);
	struct str (*rcpt_text)(const struct facts_rcpt *r);
	uint64_t (*rcpt_number)(const struct facts_rcpt *r);
};

const char *query_state(uint8_t state)
{
	static const char *const names[ENTRY_STATES] = {
		[ENTRY_INCOMING] = "incoming",
		[ENTRY_READY] = "active",
		[ENTRY_ACTIVE] = "active",
		[ENTRY_DEFERRED] = "deferred",
		[ENTRY_HELD] = "hold",
		[ENTRY_TRASH] = "trash",
	};

	return names[state];
}

static struct str get_id(const struct facts *f, char space[ID_TEXT + 1])
{
	id_format(f->id, space);
	return str_of(space);
}

static struct str get_state(const struct facts *f, char space[ID_TEXT + 1])
{
	(void)space;
	return str_of(query_state(f->state));
}

static struct str get_trace(const struct facts *f, char space[ID_TEXT + 1])
{
	id_format(f->trace, space);
	return str_of(space);
}

#define TEXT_GETTER(name, expression)                                                              \
	static struct str get_##name(const struct facts *f, char space[ID_TEXT + 1])               \
	{                                                                                          \
		(void)space;                                                                       \
		return expression;                                                                 \
	}

TEXT_GETTER(sender, f->sender)
TEXT_GETTER(sender_domain, facts_domain(f->sender))
TEXT_GETTER(login, f->login)
TEXT_GETTER(client, f->client)
TEXT_GETTER(lane, lane_name(f->lane))

static uint64_t since(int64_t from, int64_t to)
{
	return to > from ? (uint64_t)to - (uint64_t)from : 0;
}

static uint64_t get_age(const struct facts *f, int64_t now)
{
	return since(f->arrival, now);
}

static uint64_t get_next(const struct facts *f, int64_t now)
{
	return since(now, f->next);
}

static uint64_t get_deleted(const struct facts *f, int64_t now)
{
	return since(f->trashed, now);
}

static uint64_t get_size(const struct facts *f, int64_t now)
{
	(void)now;
	return f->body_size;
}

static uint64_t get_rcpts(const struct facts *f, int64_t now)
{
	(void)now;
	return f->left;
}

static struct str get_rcpt(const struct facts_rcpt *r)
{
	return r->addr;
}

static struct str get_rcpt_domain(const struct facts_rcpt *r)
{
	return facts_domain(r->addr);
}

static struct str get_last_status(const struct facts_rcpt *r)
{
	return r->status;
}

static struct str get_relay(const struct facts_rcpt *r)
{
	return r->relay;
}

static uint64_t get_attempts(const struct facts_rcpt *r)
{
	return r->attempts;
}

static const struct query_field fields[] = {
	{ "id", KIND_TEXT, .always = true, .text = get_id },
	{ "state", KIND_TEXT, .always = true, .text = get_state },
	{ "next", KIND_TIME, .always = true, .number = get_next },
	{ "deleted", KIND_TIME, .always = true, .number = get_deleted },
	{ "sender", KIND_TEXT, .text = get_sender },
	{ "sender-domain", KIND_TEXT, .text = get_sender_domain },
	{ "login", KIND_TEXT, .text = get_login },
	{ "client", KIND_TEXT, .text = get_client },
	{ "lane", KIND_TEXT, .text = get_lane },
	{ "trace", KIND_TEXT, .text = get_trace },
	{ "age", KIND_TIME, .number = get_age },
	{ "size", KIND_SIZE, .number = get_size },
	{ "rcpts", KIND_NUMBER, .number = get_rcpts },
	{ "rcpt", KIND_TEXT, .rcpt_text = get_rcpt },
	{ "rcpt-domain", KIND_TEXT, .rcpt_text = get_rcpt_domain },
	{ "status", KIND_TEXT, .rcpt_text = get_last_status },
	{ "relay", KIND_TEXT, .rcpt_text = get_relay },
	{ "attempts", KIND_NUMBER, .rcpt_number = get_attempts },
};

static const struct query_field *field_find(struct str name)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if (str_caseeq(name, str_of(fields[i].name)))
			return &fields[i];
	}
	return NULL;
}

/* --- parsing ---------------------------------------------------------------------------------- */

struct parser {
	struct query *q;
	struct str all, rest;
	unsigned depth;
	char *why;
};

static int fail(struct parser *p, const char *what)
{
	/* the innermost complaint is the one that helps */
	if (p->why[0] == '\0')
		snprintf(p->why, 256, "%s at character %zu of the query", what,
		    p->all.n - p->rest.n + 1);
	return -1;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static void skip_blanks(struct parser *p)
{
	while (p->rest.n > 0 && blank(p->rest.p[0]))
		p->rest = str_skip(p->rest, 1);
}

static bool in_name(char c)
{
	return ascii_alpha(c) || c == '-';
}

static struct str peek_name(const struct parser *p)
{
	size_t n = 0;

	while (n < p->rest.n && in_name(p->rest.p[n]))
		n++;
	return str_take(p->rest, n);
}

/* Takes that character, if it is the next. */
static bool take_char(struct parser *p, char c)
{
	skip_blanks(p);
	if (p->rest.n == 0 || p->rest.p[0] != c)
		return false;
	p->rest = str_skip(p->rest, 1);
	return true;
}

static bool take_word(struct parser *p, const char *word)
{
	struct str name;

	skip_blanks(p);
	name = peek_name(p);
	if (!str_caseeq(name, str_of(word)))
		return false;
	p->rest = str_skip(p->rest, name.n);
	return true;
}

static struct query_step *step_new(struct parser *p)
{
	if (p->q->nsteps == QUERY_STEPS_MAX) {
		fail(p, "too many conditions");
		return NULL;
	}
	return &p->q->steps[p->q->nsteps++];
}

static int step_join(struct parser *p, enum query_kind kind)
{
	struct query_step *s = step_new(p);

	if (s == NULL)
		return -1;
	*s = (struct query_step){ .kind = kind };
	return 0;
}

/* A backslash takes the special meaning of what follows; it stays, for the comparison. */
static int take_value(struct parser *p, struct query_step *s)
{
	bool quoted = take_char(p, '"'), escaped = false;
	struct query *q = p->q;

	s->at = q->used;
	for (; p->rest.n > 0; p->rest = str_skip(p->rest, 1)) {
		char c = p->rest.p[0];

		if (!escaped && (quoted ? c == '"' : blank(c) || c == '(' || c == ')' || c == '"'))
			break;
		if (c == '\0' || q->used == sizeof q->text)
			return fail(p, "this value cannot be");
		q->text[q->used++] = c;
		escaped = !escaped && c == '\\';
	}
	s->n = (uint16_t)(q->used - s->at);
	if (quoted && !take_char(p, '"'))
		return fail(p, "a quote that is not closed");
	if (!quoted && s->n == 0)
		return fail(p, "a value is missing");
	return 0;
}

struct unit {
	enum kind kind;
	char name;
	uint64_t factor;
};

static int take_number(struct parser *p, struct query_step *s, enum kind kind)
{
	static const struct unit units[] = {
		{ KIND_TIME, 's', 1 },
		{ KIND_TIME, 'm', 60 },
		{ KIND_TIME, 'h', 3600 },
		{ KIND_TIME, 'd', 86400 },
		{ KIND_TIME, 'w', 7 * 86400 },
		{ KIND_SIZE, 'b', 1 },
		{ KIND_SIZE, 'k', 1024 },
		{ KIND_SIZE, 'm', 1024 * 1024 },
		{ KIND_SIZE, 'g', 1024 * 1024 * 1024 },
	};
	struct str value = { p->q->text + s->at, s->n };
	uint64_t factor = 1;

	for (size_t i = 0; value.n > 0 && i < sizeof units / sizeof units[0]; i++) {
		if (units[i].kind != kind || ascii_lower(value.p[value.n - 1]) != units[i].name)
			continue;
		factor = units[i].factor;
		value = str_take(value, value.n - 1);
		break;
	}
	if (str_u64(value, UINT64_MAX / factor, &s->number) == -1)
		return fail(p, kind == KIND_TIME   ? "no time (10, 5m, 2h, 3d, 1w) before here"
			       : kind == KIND_SIZE ? "no size (100, 20k, 3M, 1G) before here"
						   : "no number before here");
	s->number *= factor;
	return 0;
}

/* '=' '~' '<' '>' "<=" ">=", and with a '!' before the first two what they are not. */
static int take_operator(struct parser *p, char *op, bool * not )
{
	*not = take_char(p, '!');
	*op = p->rest.n > 0 ? p->rest.p[0] : '\0';
	if (*op == '\0' || strchr(*not ? "=~" : "=~<>", *op) == NULL)
		return fail(p, "a comparison (= != ~ !~ < <= > >=) is missing");
	p->rest = str_skip(p->rest, 1);
	if ((*op == '<' || *op == '>') && p->rest.n > 0 && p->rest.p[0] == '=') {
		*op = *op == '<' ? 'l' : 'g';
		p->rest = str_skip(p->rest, 1);
	}
	return 0;
}

static int parse_compare(struct parser *p)
{
	struct query_step *s = step_new(p);
	const struct query_field *f;
	struct str name;
	char op;
	bool not ;

	skip_blanks(p);
	name = peek_name(p);
	f = field_find(name);
	if (s == NULL || f == NULL)
		return fail(p, name.n == 0 ? "a condition is missing" : "no such field");
	p->rest = str_skip(p->rest, name.n);
	skip_blanks(p);
	if (take_operator(p, &op, &not ) == -1)
		return -1;
	if ((f->kind == KIND_TEXT) != (op == '=' || op == '~') && op != '=')
		return fail(p, "this comparison is not for this field");
	*s = (struct query_step){ .kind = STEP_COMPARE, .field = f, .op = op };
	if (take_value(p, s) == -1 || (f->kind != KIND_TEXT && take_number(p, s, f->kind) == -1))
		return -1;
	return not ? step_join(p, STEP_NOT) : 0;
}

static int parse_any(struct parser *p);

static int parse_factor(struct parser *p)
{
	int r;

	if (p->depth == QUERY_DEPTH_MAX)
		return fail(p, "too many brackets");
	p->depth++;
	if (take_word(p, "not")) {
		r = parse_factor(p) == -1 ? -1 : step_join(p, STEP_NOT);
	} else if (take_char(p, '(')) {
		r = parse_any(p);
		if (r == 0 && !take_char(p, ')'))
			r = fail(p, "a closing bracket is missing");
	} else {
		r = parse_compare(p);
	}
	p->depth--;
	return r;
}

static int parse_all(struct parser *p)
{
	if (parse_factor(p) == -1)
		return -1;
	while (take_word(p, "and")) {
		if (parse_factor(p) == -1 || step_join(p, STEP_AND) == -1)
			return -1;
	}
	return 0;
}

static int parse_any(struct parser *p)
{
	if (parse_all(p) == -1)
		return -1;
	while (take_word(p, "or")) {
		if (parse_all(p) == -1 || step_join(p, STEP_OR) == -1)
			return -1;
	}
	return 0;
}

int query_parse(struct query *q, struct str s, char why[256])
{
	struct parser p = { .q = q, .all = s, .rest = s, .why = why };

	q->used = q->nsteps = 0;
	why[0] = '\0';
	skip_blanks(&p);
	if (p.rest.n == 0)
		return 0;
	if (parse_any(&p) == -1)
		return -1;
	skip_blanks(&p);
	return p.rest.n == 0 ? 0 : fail(&p, "\"and\" or \"or\" is missing");
}

/* --- asking ----------------------------------------------------------------------------------- */

/*
 * Whether s is what the pattern says, '*' being anything; part: or holds it. ASCII case does not
 * matter. Going back to the last '*' is enough, so the time is bounded by the product of the two.
 */
static bool matches(struct str pattern, struct str s, bool part)
{
	size_t p = 0, i = 0, back = part ? 0 : SIZE_MAX, mark = 0;

	while (p < pattern.n || (!part && i < s.n)) {
		char c = p < pattern.n ? pattern.p[p] : '\0';
		size_t skip = 1;

		if (c == '*') {
			back = ++p;
			mark = i;
			continue;
		}
		if (c == '\\' && p + 1 < pattern.n)
			c = pattern.p[p + skip++];
		if (p < pattern.n && i < s.n && ascii_lower(c) == ascii_lower(s.p[i])) {
			p += skip;
			i++;
		} else if (back == SIZE_MAX || mark >= s.n) {
			return false;
		} else {
			p = back;
			i = ++mark;
		}
	}
	return true;
}

static bool compare_number(char op, uint64_t a, uint64_t b)
{
	switch (op) {
	case '<':
		return a < b;
	case '>':
		return a > b;
	case 'l':
		return a <= b;
	case 'g':
		return a >= b;
	default:
		return a == b;
	}
}

static bool compare_rcpt(
    const struct query *q, const struct query_step *s, const struct facts_rcpt *r)
{
	const struct query_field *f = s->field;

	if (f->rcpt_number != NULL)
		return compare_number(s->op, f->rcpt_number(r), s->number);
	return matches((struct str){ q->text + s->at, s->n }, f->rcpt_text(r), s->op == '~');
}

/* Of recipients: whether it is so for one of them. */
static enum answer compare_rcpts(
    const struct query *q, const struct query_step *s, const struct facts *f)
{
	for (uint32_t i = 0; i < f->nrcpts; i++) {
		if (compare_rcpt(q, s, &f->rcpts[i]))
			return ANSWER_YES;
	}
	return f->whole ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer compare(
    const struct query *q, const struct query_step *s, const struct facts *f, int64_t now)
{
	const struct query_field *field = s->field;
	char space[ID_TEXT + 1];
	bool yes;

	if (!field->always && !f->known)
		return ANSWER_UNKNOWN;
	if (field->rcpt_text != NULL || field->rcpt_number != NULL)
		return compare_rcpts(q, s, f);
	if (field->number != NULL)
		yes = compare_number(s->op, field->number(f, now), s->number);
	else
		yes = matches(
		    (struct str){ q->text + s->at, s->n }, field->text(f, space), s->op == '~');
	return yes ? ANSWER_YES : ANSWER_NO;
}

enum answer query_ask(const struct query *q, const struct facts *f, int64_t now)
{
	enum answer stack[QUERY_STEPS_MAX + 1], *top = stack;

	*top = ANSWER_YES;
	for (unsigned i = 0; i < q->nsteps; i++) {
		const struct query_step *s = &q->steps[i];

		if (s->kind == STEP_COMPARE) {
			*++top = compare(q, s, f, now);
		} else if (s->kind == STEP_NOT) {
			*top = ANSWER_YES - *top;
		} else {
			enum answer b = *top--;
			bool second = s->kind == STEP_AND ? b < *top : b > *top;

			if (second)
				*top = b;
		}
	}
	return *top;
}
