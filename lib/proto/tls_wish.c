/* How a next hop is to be spoken to. See tls_wish.h. */
#include "proto/tls_wish.h"

static const struct {
	const char *name;
	const char *match; /* NULL: it takes none; "": it needs some; else the default */
} levels[TLS_LEVELS] = {
	[TLS_LEVEL_NONE] = { "none", NULL },
	[TLS_LEVEL_MAY] = { "may", NULL },
	[TLS_LEVEL_ENCRYPT] = { "encrypt", NULL },
	[TLS_LEVEL_VERIFY] = { "verify", "match=hostname" },
	[TLS_LEVEL_SECURE] = { "secure", "match=nexthop:dot-nexthop" },
	[TLS_LEVEL_FINGERPRINT] = { "fingerprint", "" },
	[TLS_LEVEL_DANE] = { "dane", NULL },
	[TLS_LEVEL_DANE_ONLY] = { "dane-only", NULL },
};

const char *tls_level_name(enum tls_level level)
{
	return levels[level].name;
}

/* --- items ------------------------------------------------------------------------------------ */

static bool is_separator(const struct tls_wish *w, char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == '|' ||
	       (c == ':' && w->level != TLS_LEVEL_FINGERPRINT);
}

/* Words behind the level that are no names. */
static const struct {
	struct str word;
	bool implicit, auth;
	enum tls_require require;
} flags[] = {
	{ STR("implicit"), .implicit = true },
	{ STR("auth"), .auth = true },
	{ STR("requiretls"), .require = TLS_REQUIRE_ALWAYS },
	{ STR("requiretls=offered"), .require = TLS_REQUIRE_OFFERED },
};
enum { FLAGS = sizeof flags / sizeof flags[0] };

/* The length of the one that s begins with, 0 = none. */
static size_t flag_before(const struct tls_wish *w, struct str s)
{
	for (size_t i = 0; i < FLAGS; i++) {
		size_t n = flags[i].word.n;

		if (str_casestarts(s, flags[i].word) && (s.n == n || is_separator(w, s.p[n])))
			return n;
	}
	return 0;
}

bool tls_wish_item(const struct tls_wish *w, struct str *rest, struct str *item)
{
	size_t n = 0;

	for (;;) {
		while (rest->n > 0 && is_separator(w, rest->p[0]))
			*rest = str_skip(*rest, 1);
		if (str_casestarts(*rest, STR("match=")))
			*rest = str_skip(*rest, 6);
		else if ((n = flag_before(w, *rest)) > 0)
			*rest = str_skip(*rest, n);
		else
			break;
	}
	while (n < rest->n && !is_separator(w, rest->p[n]))
		n++;
	*item = str_take(*rest, n);
	*rest = str_skip(*rest, n);
	return n > 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tls_wish_pin(struct str item, uint8_t out[TLS_WISH_PIN])
{
	size_t n = 0;

	for (size_t i = 0; i < item.n;) {
		int high, low;

		if (item.p[i] == ':' && n > 0) {
			i++;
			continue;
		}
		high = digit(ascii_lower(item.p[i]));
		low = i + 1 < item.n ? digit(ascii_lower(item.p[i + 1])) : -1;
		if (high == -1 || low == -1 || n == TLS_WISH_PIN)
			return -1;
		out[n++] = (uint8_t)(high * 16 + low);
		i += 2;
	}
	return n == TLS_WISH_PIN ? 0 : -1;
}

static bool is_name(struct str s)
{
	if (s.n > 255 || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' &&
		    c != '_')
			return false;
	}
	return s.n > 1 || s.p[0] != '.';
}

/* --- the whole -------------------------------------------------------------------------------- */

static int find_level(struct str name, enum tls_level *level)
{
	for (unsigned i = 0; i < TLS_LEVELS; i++)
		if (str_caseeq(name, str_of(levels[i].name))) {
			*level = (enum tls_level)i;
			return 0;
		}
	return -1;
}

static int take_flag(struct str word, struct tls_wish *w)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (str_caseeq(word, flags[i].word)) {
			w->implicit = w->implicit || flags[i].implicit;
			w->auth = w->auth || flags[i].auth;
			if (flags[i].require != TLS_REQUIRE_NOTHING)
				w->require = flags[i].require;
			return 0;
		}
	return -1;
}

/* Words behind the level: "match=..." and flags. */
static int check_words(struct str words, struct tls_wish *w, bool *match)
{
	while (words.n > 0) {
		size_t n = 0;
		struct str word;

		while (n < words.n && words.p[n] != ' ' && words.p[n] != '\t' && words.p[n] != ',')
			n++;
		word = str_take(words, n);
		words = str_skip(words, n < words.n ? n + 1 : n);
		if (str_casestarts(word, STR("match=")) && word.n > 6)
			*match = true;
		else if (word.n > 0 && take_flag(word, w) == -1)
			return -1;
	}
	return 0;
}

static int check_items(const struct tls_wish *w)
{
	struct str rest = w->match, item;
	uint8_t pin[TLS_WISH_PIN];
	bool any = false;

	for (; tls_wish_item(w, &rest, &item); any = true)
		if (w->level == TLS_LEVEL_FINGERPRINT ? tls_wish_pin(item, pin) == -1
						      : !is_name(item))
			return -1;
	return any ? 0 : -1;
}

int tls_wish_parse(struct str text, struct tls_wish *w)
{
	struct str rest = str_trim(text), word;
	bool match = false;

	*w = (struct tls_wish){ .level = TLS_LEVEL_MAY, .match = STR_NONE };
	if (rest.n == 0)
		return 0;
	if (rest.n > TLS_WISH_MAX || !str_word(&rest, &word) || find_level(word, &w->level) == -1 ||
	    check_words(rest, w, &match) == -1)
		return -1;
	if (w->implicit && w->level < TLS_LEVEL_ENCRYPT)
		return -1; /* nothing else is spoken there */
	if (levels[w->level].match == NULL)
		return match ? -1 : 0;
	w->match = match ? rest : str_of(levels[w->level].match);
	return check_items(w);
}
