/* Names of mailboxes, in the store and on disk. See folder.h. */
#include "store/folder.h"

#include <string.h>

#include "mail/utf8.h"
#include "store/store.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* Writes into a fixed array; too much sets n beyond cap. */
struct out {
	char *p;
	size_t n, cap;
};

static void out_char(struct out *o, char c)
{
	if (o->n < o->cap)
		o->p[o->n] = c;
	o->n++;
}

static void out_str(struct out *o, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		out_char(o, s.p[i]);
}

static int out_end(struct out *o)
{
	if (o->n > o->cap)
		return -1;
	o->p[o->n] = '\0';
	return 0;
}

/* --- validity -------------------------------------------------------------------------------- */

static bool control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

static bool level_valid(struct str level, bool create)
{
	uint32_t c;
	size_t n;

	if (level.n == 0 || str_eq(level, STR(".")) || str_eq(level, STR("..")))
		return false;
	for (; level.n > 0; level = str_skip(level, n)) {
		n = utf8_char(level, &c);
		if (n == 0 || control(c) || (create && (c == '%' || c == '*')))
			return false;
	}
	return true;
}

/* --- to modified UTF-7 ----------------------------------------------------------------------- */

static bool plain(uint32_t c)
{
	return c >= 0x20 && c < 0x7f && c != '.' && c != '/';
}

struct bits {
	uint32_t value;
	unsigned n;
};

static void put_unit(struct out *o, struct bits *b, uint32_t unit)
{
	b->value = b->value << 16 | unit;
	for (b->n += 16; b->n >= 6; b->n -= 6)
		out_char(o, digits[b->value >> (b->n - 6) & 63]);
	b->value &= (1U << b->n) - 1;
}

static void put_shifted(struct out *o, struct str *level)
{
	struct bits b = { 0 };
	uint32_t c;
	size_t n;

	out_char(o, '&');
	while (level->n > 0 && (n = utf8_char(*level, &c)) > 0 && !plain(c)) {
		if (c > 0xffff) {
			put_unit(o, &b, 0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		put_unit(o, &b, c);
		*level = str_skip(*level, n);
	}
	if (b.n > 0)
		out_char(o, digits[b.value << (6 - b.n) & 63]);
	out_char(o, '-');
}

static void encode_level(struct out *o, struct str level)
{
	while (level.n > 0) {
		if (!plain((unsigned char)level.p[0])) {
			put_shifted(o, &level);
			continue;
		}
		out_char(o, level.p[0]);
		if (level.p[0] == '&')
			out_char(o, '-');
		level = str_skip(level, 1);
	}
}

int folder_from_name(struct str name, bool create, struct folder *f)
{
	struct out n = { f->name, 0, FOLDER_BYTES };
	struct out d = { f->dir, 0, FOLDER_BYTES };
	struct str rest = name, level;
	unsigned depth = 0;

	if (name.n == 0 || name.n > FOLDER_BYTES || (create && name.p[0] == '~'))
		return -1;
	for (; str_cut(&rest, '/', &level); depth++) {
		if (!level_valid(level, create) || depth == STORE_DEPTH_MAX)
			return -1;
		if (depth == 0 && str_caseeq(level, STR("INBOX")))
			level = STR("INBOX");
		if (depth > 0) {
			out_char(&n, '/');
			out_char(&d, '.');
		}
		out_str(&n, level);
		encode_level(&d, level);
	}
	if (out_end(&n) == -1)
		return -1;
	if (str_eq((struct str){ n.p, n.n }, STR("INBOX")))
		d.n = 0;
	f->nname = n.n;
	f->ndir = d.n;
	return out_end(&d);
}

/* --- from modified UTF-7 --------------------------------------------------------------------- */

static void put_utf8(struct out *o, uint32_t c)
{
	if (c < 0x80) {
		out_char(o, (char)c);
	} else if (c < 0x800) {
		out_char(o, (char)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		out_char(o, (char)(0xe0 | c >> 12));
		out_char(o, (char)(0x80 | (c >> 6 & 63)));
	} else {
		out_char(o, (char)(0xf0 | c >> 18));
		out_char(o, (char)(0x80 | (c >> 12 & 63)));
		out_char(o, (char)(0x80 | (c >> 6 & 63)));
	}
	if (c >= 0x80)
		out_char(o, (char)(0x80 | (c & 63)));
}

/* One UTF-16 unit; *high keeps the first half of a pair. What plain text can say must not come. */
static int take_unit(struct out *o, uint32_t unit, uint32_t *high)
{
	bool low = unit >= 0xdc00 && unit <= 0xdfff;

	if ((*high != 0) != low)
		return -1;
	if (low) {
		put_utf8(o, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
		*high = 0;
		return 0;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
		return 0;
	}
	if (plain(unit) || unit == '/' || unit == 0)
		return -1;
	put_utf8(o, unit);
	return 0;
}

/* Behind the '&', up to and with the '-'. */
static int take_shifted(struct out *o, struct str *s)
{
	struct bits b = { 0 };
	uint32_t high = 0;
	const char *d;

	for (; s->n > 0 && s->p[0] != '-'; *s = str_skip(*s, 1)) {
		d = memchr(digits, s->p[0], sizeof digits - 1);
		if (d == NULL)
			return -1;
		b.value = b.value << 6 | (uint32_t)(d - digits);
		b.n += 6;
		if (b.n < 16)
			continue;
		b.n -= 16;
		if (take_unit(o, b.value >> b.n & 0xffff, &high) == -1)
			return -1;
		b.value &= (1U << b.n) - 1;
	}
	if (s->n == 0 || high != 0 || b.n >= 6 || b.value != 0)
		return -1;
	*s = str_skip(*s, 1);
	return 0;
}

static int decode_level(struct out *o, struct str s)
{
	while (s.n > 0) {
		if (s.p[0] != '&') {
			out_char(o, s.p[0]);
			s = str_skip(s, 1);
			continue;
		}
		s = str_skip(s, 1);
		if (s.n > 0 && s.p[0] == '-') {
			out_char(o, '&');
			s = str_skip(s, 1);
		} else if (take_shifted(o, &s) == -1) {
			return -1;
		}
	}
	return 0;
}

int folder_from_dir(struct str dir, struct folder *f)
{
	struct out n = { f->name, 0, FOLDER_BYTES };
	struct str rest = dir, level, got;
	unsigned depth = 0;
	size_t start;

	if (dir.n > FOLDER_BYTES || str_find(dir, '/') != -1 ||
	    str_copy(dir, f->dir, sizeof f->dir) == -1)
		return -1;
	f->ndir = dir.n;
	if (dir.n == 0)
		out_str(&n, STR("INBOX"));
	for (; dir.n > 0 && str_cut(&rest, '.', &level); depth++) {
		if (depth > 0)
			out_char(&n, '/');
		start = n.n;
		if (depth == STORE_DEPTH_MAX || decode_level(&n, level) == -1 || n.n > n.cap)
			return -1;
		got = (struct str){ n.p + start, n.n - start };
		if (!level_valid(got, false))
			return -1;
		if (depth == 0 && str_caseeq(got, STR("INBOX")))
			memcpy(n.p + start, "INBOX", 5);
	}
	if (dir.n > 0 && str_eq((struct str){ n.p, n.n }, STR("INBOX")))
		return -1;
	f->nname = n.n;
	return out_end(&n);
}

bool folder_below(struct str name, struct str parent)
{
	return name.n > parent.n && name.p[parent.n] == '/' && str_starts(name, parent);
}
