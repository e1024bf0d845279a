/* Names of message files in a Maildir. See msgname.h. */
#include "store/msgname.h"

#include <stdio.h>
#include <time.h>

#include "base/id.h"
#include "store/store.h"

/* In the order in which they are written: Maildir wants ASCII order. */
static const struct {
	char letter;
	uint32_t flag;
} letters[] = {
	{ 'D', STORE_DRAFT },
	{ 'F', STORE_FLAGGED },
	{ 'P', STORE_PASSED },
	{ 'R', STORE_ANSWERED },
	{ 'S', STORE_SEEN },
	{ 'T', STORE_DELETED },
};
enum { NLETTERS = sizeof letters / sizeof letters[0] };

static void parse_flags(struct str s, struct msgname *m)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] >= 'a' && s.p[i] <= 'z')
			m->keywords |= UINT64_C(1) << (s.p[i] - 'a');
		for (size_t j = 0; j < NLETTERS; j++)
			if (letters[j].letter == s.p[i])
				m->flags |= letters[j].flag;
	}
}

static void parse_number(struct str s, bool *has, uint32_t *out)
{
	uint64_t v;

	if (*has || str_u64(s, UINT32_MAX, &v) == -1)
		return;
	*has = true;
	*out = (uint32_t)v;
}

static void parse_keywords(struct str s, struct msgname *m)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 10)
		return;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (!ascii_digit(c) && (c < 'a' || c > 'f'))
			return;
		v = v << 4 | (uint64_t)(ascii_digit(c) ? c - '0' : c - 'a' + 10);
	}
	if (v < UINT64_C(1) << (STORE_KEYWORDS_MAX - MSGNAME_LETTERS))
		m->keywords |= v << MSGNAME_LETTERS;
}

static void parse_field(struct str field, struct msgname *m)
{
	struct str value = str_skip(field, 2);

	if (str_starts(field, STR("S=")))
		parse_number(value, &m->has_size, &m->size);
	else if (str_starts(field, STR("W=")))
		parse_number(value, &m->has_wire, &m->wire);
	else if (str_starts(field, STR("U=")))
		parse_number(value, &m->has_uid, &m->uid);
	else if (str_starts(field, STR("K=")))
		parse_keywords(value, m);
	else if (str_eq(field, STR("R=1")))
		m->flags |= STORE_RAW;
}

int msgname_parse(struct str name, struct msgname *m)
{
	struct str rest = name, field;
	ssize_t info = str_search(name, STR(":2,"));
	ssize_t colon = str_find(name, ':');

	*m = (struct msgname){ .base = STR_NONE };
	if (name.n == 0 || name.n > MSGNAME_MAX || name.p[0] == '.')
		return -1;
	if (info >= 0)
		parse_flags(str_skip(name, (size_t)info + 3), m);
	if (colon >= 0)
		rest = str_take(name, (size_t)colon);
	str_cut(&rest, ',', &m->base);
	if (m->base.n == 0)
		return -1;
	while (str_cut(&rest, ',', &field))
		parse_field(field, m);
	if (m->uid == 0)
		m->has_uid = false;
	return 0;
}

size_t msgname_format(const struct msgname *m, char out[MSGNAME_MAX + 1])
{
	uint64_t high = m->keywords >> MSGNAME_LETTERS;
	size_t n, size = MSGNAME_MAX + 1;

	/* at most 120 + 3 x 13 + 4 + 13 + 3 + 6 + 26 characters: it always fits */
	n = (size_t)snprintf(out, size, "%.*s,S=%u,W=%u", STR_ARG(str_take(m->base, MSGNAME_BASE)),
	    m->size, m->wire);
	if (m->flags & STORE_RAW)
		n += (size_t)snprintf(out + n, size - n, ",R=1");
	if (high != 0)
		n += (size_t)snprintf(out + n, size - n, ",K=%llx", (unsigned long long)high);
	n += (size_t)snprintf(out + n, size - n, ",U=%u:2,", m->uid);
	for (size_t i = 0; i < NLETTERS; i++)
		if (m->flags & letters[i].flag)
			out[n++] = letters[i].letter;
	for (unsigned i = 0; i < MSGNAME_LETTERS; i++)
		if (m->keywords >> i & 1)
			out[n++] = (char)('a' + i);
	out[n] = '\0';
	return n;
}

void msgname_unique(char out[MSGNAME_NEW])
{
	char id[ID_TEXT + 1];

	id_format(id_random(), id);
	snprintf(out, MSGNAME_NEW, "%lld.%s.thurn", (long long)time(NULL), id);
}
