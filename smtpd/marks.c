/* Marks of the header. See marks.h. */
#include "marks.h"

static struct {
	char text[LANE_HEADER_MAX + 1]; /* in lower case */
} names[LANE_HEADERS];
static unsigned nnames;

/* What does not fit is refused by master/config. */
void marks_configure(const struct conf *c)
{
	nnames = 0;
	for (size_t i = 0; i < conf_count(c, "lane_headers") && nnames < LANE_HEADERS; i++) {
		struct str item = conf_item(c, "lane_headers", i);

		if (str_copy(item, names[nnames].text, sizeof names[0].text) == -1)
			continue;
		for (size_t k = 0; k < item.n; k++)
			names[nnames].text[k] = ascii_lower(item.p[k]);
		nnames++;
	}
}

static void add(struct marks *m, char c)
{
	if (m->n < sizeof m->text)
		m->text[m->n++] = c;
}

void marks_field(struct marks *m, struct str name)
{
	m->left = 0;
	for (unsigned i = 0; i < nnames; i++) {
		struct str known = str_of(names[i].text);

		if (m->seen[i] || !str_caseeq(name, known))
			continue;
		m->seen[i] = true;
		m->left = MARK_VALUE_MAX;
		if (m->n > 0)
			add(m, ' ');
		for (size_t k = 0; k < known.n; k++)
			add(m, known.p[k]);
		add(m, ':');
	}
}

void marks_value(struct marks *m, struct str piece)
{
	for (size_t i = 0; i < piece.n && m->left > 0; i++) {
		if (piece.p[i] <= ' ' || piece.p[i] > '~')
			continue;
		add(m, ascii_lower(piece.p[i]));
		m->left--;
	}
}

struct str marks_text(const struct marks *m)
{
	return str_bytes(m->text, m->n);
}
