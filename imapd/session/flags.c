/* What FETCH answers say of flags, and how numbers are put fast. See session.h. */
#include <string.h>

#include "session.h"

void out_number(struct buf *b, uint64_t v)
{
	char text[20], *p = text + sizeof text;

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_put(b, p, (size_t)(text + sizeof text - p));
}

static const struct {
	uint32_t flag;
	struct str name;
} names[] = {
	{ STORE_ANSWERED, { "\\Answered", 9 } },
	{ STORE_FLAGGED, { "\\Flagged", 8 } },
	{ STORE_DELETED, { "\\Deleted", 8 } },
	{ STORE_SEEN, { "\\Seen", 5 } },
	{ STORE_DRAFT, { "\\Draft", 6 } },
	{ STORE_RECENT, { "\\Recent", 7 } },
};

void out_flags(struct buf *b, const struct store_view *v, const struct store_msg *m)
{
	uint64_t left = m->keywords;
	bool first = true;

	buf_char(b, '(');
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!(m->flags & names[i].flag))
			continue;
		if (!first)
			buf_char(b, ' ');
		buf_str(b, names[i].name);
		first = false;
	}
	for (uint32_t i = 0; left != 0 && i < v->nkeywords; i++, left >>= 1) {
		if (!(left & 1) || v->keywords[i].n == 0)
			continue;
		if (!first)
			buf_char(b, ' ');
		buf_str(b, v->keywords[i]);
		first = false;
	}
	buf_char(b, ')');
}

void out_flags_fetch(struct session *s, uint32_t idx, bool flags)
{
	const struct store_msg *m = &s->view->msgs[idx];
	struct buf *b = &s->out;
	const char *blank = "";

	buf_z(b, "* ");
	out_number(b, (uint64_t)idx + 1);
	buf_z(b, " FETCH (");
	if (s->uid || s->condstore) {
		buf_z(b, "UID ");
		out_number(b, m->uid);
		blank = " ";
	}
	if (flags) {
		buf_z(b, blank);
		buf_z(b, "FLAGS ");
		out_flags(b, s->view, m);
		blank = " ";
	}
	if (s->condstore) {
		buf_z(b, blank);
		buf_z(b, "MODSEQ (");
		out_number(b, m->modseq);
		buf_char(b, ')');
	}
	buf_z(b, ")\r\n");
}
