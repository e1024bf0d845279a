/*
 * Arguments of commands: the first byte chooses what is parsed, the first line is the command, the
 * rest is where literals and further lines come from.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../imapd/session/date.h"
#include "../../../../imapd/session/fetch.h"
#include "../../../../imapd/session/mutf7.h"
#include "../../../../imapd/session/pattern.h"
#include "../../../../imapd/session/search.h"
#include "../../../../imapd/session/set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct source {
	struct buf text; /* never moves */
	struct str rest;
};

static void take_line(struct source *s)
{
	ssize_t nl = str_find(s->rest, '\n');
	struct str line = str_take(s->rest, nl == -1 ? s->rest.n : (size_t)nl);

	buf_str(&s->text, line);
	s->rest = str_skip(s->rest, line.n + 1);
}

static bool literal(struct parse *p, uint64_t n, bool sync)
{
	struct source *s = p->arg;
	size_t from = s->text.n;

	(void)sync;
	if (n > s->rest.n)
		return parse_fail(p, "too long");
	buf_str(&s->text, str_take(s->rest, (size_t)n));
	s->rest = str_skip(s->rest, (size_t)n);
	take_line(s);
	p->p = s->text.p + from;
	p->end = s->text.p + s->text.n;
	return true;
}

static void one(int kind, struct parse *p)
{
	struct fetch f;
	struct search q;
	struct set set;
	struct flag_list flags;
	struct str name, pattern;
	struct buf b;
	int64_t t;

	switch (kind) {
	case 0:
		fetch_parse(p, &f);
		break;
	case 1:
		search_parse(p, &q);
		break;
	case 2:
		if (parse_set(p, &set))
			set_resolve(&set, 7);
		break;
	case 3:
		parse_flags(p, &flags);
		break;
	case 4:
		if (parse_date_time(p, &t) || parse_date(p, &t)) {
			buf_init(&b, 100);
			date_put(&b, t);
			buf_clear(&b);
		}
		break;
	default:
		if (parse_mailbox(p, &name) && parse_sp(p) && parse_list_mailbox(p, &pattern)) {
			buf_init(&b, 1 << 20);
			mutf7_encode(&b, name);
			buf_clear(&b);
			pattern_match(pattern_make(p->arena, STR_NONE, pattern), name);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct source s = { .rest = { (const char *)data + 1, n - 1 } };
	struct arena arena;
	struct parse p;

	if (n == 0 || n > 60000)
		return 0;
	arena_init(&arena);
	buf_init(&s.text, n + 1);
	buf_room(&s.text, n + 1);
	take_line(&s);
	p = (struct parse){ .p = s.text.p,
		.end = s.text.p + s.text.n,
		.literal = literal,
		.arg = &s,
		.arena = &arena };
	one(data[0] % 6, &p);
	buf_clear(&s.text);
	arena_clear(&arena);
	return 0;
}
