/* The text file beside each mailbox. See boxfile.h. */
#include "store/boxfile.h"

#include <string.h>

bool boxfile_keyword(struct str s)
{
	if (s.n == 0 || s.n > STORE_KEYWORD_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || memchr("(){%*\"\\]", s.p[i], 8) != NULL)
			return false;
	return true;
}

static int hex_id(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n != 16)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (!ascii_digit(c) && (c < 'a' || c > 'f'))
			return -1;
		v = v << 4 | (uint64_t)(ascii_digit(c) ? c - '0' : c - 'a' + 10);
	}
	*out = v;
	return v == 0 ? -1 : 0;
}

static int number(struct str s, uint64_t max, uint64_t *out)
{
	return str_u64(s, max, out) == -1 || *out == 0 ? -1 : 0;
}

static int take_id(struct str v, struct arena *a, struct boxfile *f)
{
	(void)a;
	return hex_id(v, &f->id);
}

static int take_validity(struct str v, struct arena *a, struct boxfile *f)
{
	uint64_t n;

	(void)a;
	if (number(v, UINT32_MAX, &n) == -1)
		return -1;
	f->uidvalidity = (uint32_t)n;
	return 0;
}

static int take_floor(struct str v, struct arena *a, struct boxfile *f)
{
	uint64_t n;

	(void)a;
	if (number(v, UINT32_MAX, &n) == -1)
		return -1;
	f->uidfloor = (uint32_t)n;
	return 0;
}

static int take_ceiling(struct str v, struct arena *a, struct boxfile *f)
{
	(void)a;
	return number(v, INT64_MAX, &f->modseqceiling); /* RFC 7162: 63 bits */
}

static int take_use(struct str v, struct arena *a, struct boxfile *f)
{
	enum store_use u = store_use_find(v);

	(void)a;
	if (u != STORE_USES)
		f->use = u;
	return 0;
}

/* "3 $Junk"; what is no keyword is left out, its bit stays free */
static int take_keyword(struct str v, struct arena *a, struct boxfile *f)
{
	struct str bit;
	uint64_t n;

	if (str_cut(&v, ' ', &bit) && str_u64(bit, STORE_KEYWORDS_MAX - 1, &n) == 0 &&
	    v.p != NULL && boxfile_keyword(v))
		f->keywords[n] = arena_str(a, v);
	return 0;
}

static const struct {
	struct str key;
	int (*take)(struct str v, struct arena *a, struct boxfile *f);
} rows[] = {
	{ { "id", 2 }, take_id },
	{ { "uidvalidity", 11 }, take_validity },
	{ { "uidfloor", 8 }, take_floor },
	{ { "modseqceiling", 13 }, take_ceiling },
	{ { "use", 3 }, take_use },
	{ { "keyword", 7 }, take_keyword },
};

static int take_line(struct str line, struct arena *a, struct boxfile *f)
{
	struct str key;

	if (!str_cut(&line, ' ', &key))
		return 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (str_eq(rows[i].key, key))
			return rows[i].take(line.p != NULL ? line : STR_NONE, a, f);
	return 0; /* a later version's */
}

int boxfile_parse(struct str text, struct arena *a, struct boxfile *f)
{
	struct str line;
	bool end = false;

	memset(f, 0, sizeof *f);
	if (text.n > BOXFILE_MAX || !str_cut(&text, '\n', &line) ||
	    !str_eq(line, STR("thurn-mailbox 1")))
		return -1;
	while (!end && str_cut(&text, '\n', &line)) {
		end = str_eq(line, STR("end"));
		if (!end && take_line(line, a, f) == -1)
			return -1;
	}
	if (!end || f->id == 0 || f->uidvalidity == 0 || f->uidfloor == 0 || f->modseqceiling == 0)
		return -1;
	return 0;
}

void boxfile_format(const struct boxfile *f, struct buf *out)
{
	buf_printf(out, "thurn-mailbox 1\nid %016llx\nuidvalidity %u\nuidfloor %u\n",
	    (unsigned long long)f->id, f->uidvalidity, f->uidfloor);
	buf_printf(out, "modseqceiling %llu\n", (unsigned long long)f->modseqceiling);
	if (f->use != STORE_USE_NONE)
		buf_printf(out, "use %s\n", store_use_name(f->use));
	for (unsigned i = 0; i < STORE_KEYWORDS_MAX; i++)
		if (f->keywords[i].n > 0)
			buf_printf(out, "keyword %u %.*s\n", i, STR_ARG(f->keywords[i]));
	buf_z(out, "end\n");
}
