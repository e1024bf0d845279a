/* The mailboxes in a header field. See address_list.h. */
#include "mail/address_list.h"

#include <string.h>

enum { SPEC_DOMAIN_MAX = 512 };

/*
 * What has been read of one item so far. Everything is a guess until the item ends: words turn out
 * to be a display name at "<", and the name of a group at ":".
 */
struct spec {
	char local[LOCAL_MAX + 1], domain[SPEC_DOMAIN_MAX];
	size_t nlocal, ndomain;
	enum { LAST_NONE, LAST_WORD, LAST_DOT, LAST_AT } last;
	bool at, any, angle, closed;
	bool loose; /* it is not as RFC 5322 has it, though there is an address in it */
	enum address_error error; /* of what came since the last reset */
};

static void spec_reset(struct spec *s, bool angle)
{
	/* what is forgotten here may look like an address to others */
	*s = (struct spec){ .angle = angle, .any = angle, .loose = s->loose || s->at };
}

static void spec_add(struct spec *s, char c)
{
	if (s->at && s->ndomain < sizeof s->domain)
		s->domain[s->ndomain++] = c;
	else if (!s->at && s->nlocal < sizeof s->local)
		s->local[s->nlocal++] = c;
	else
		s->error = s->at ? ADDRESS_BAD_DOMAIN : ADDRESS_TOO_LONG;
}

/* A word begins; two of them in a row are a phrase, not an address. */
static void spec_word(struct spec *s)
{
	if (s->last == LAST_WORD)
		s->error = ADDRESS_SYNTAX;
	s->last = LAST_WORD;
	s->any = true;
}

static size_t skip_comment(struct spec *spec, struct str s)
{
	size_t depth = 0, i = 0;

	for (; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	spec->loose = true;
	return s.n;
}

static size_t read_quoted(struct spec *spec, struct str s)
{
	size_t i = 1;

	spec_word(spec);
	if (spec->at)
		spec->error = ADDRESS_SYNTAX;
	for (; i < s.n && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\' && ++i == s.n)
			break;
		if (s.p[i] != '\r' && s.p[i] != '\n')
			spec_add(spec, s.p[i]);
	}
	if (i >= s.n) {
		spec->error = ADDRESS_SYNTAX; /* no closing quote */
		return s.n;
	}
	return i + 1;
}

static size_t read_literal(struct spec *spec, struct str s)
{
	size_t i = 0;

	spec_word(spec);
	if (!spec->at)
		spec->error = ADDRESS_SYNTAX;
	while (i < s.n && s.p[i] != ']')
		spec_add(spec, s.p[i++]);
	if (i < s.n)
		spec_add(spec, s.p[i++]);
	return i;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return c != '\0' && strchr("()<>[]:;@\\,.\"", c) != NULL;
}

static size_t read_atom(struct spec *spec, struct str s)
{
	size_t i = 0;

	spec_word(spec);
	for (; i < s.n && !is_special(s.p[i]) && !is_blank(s.p[i]); i++)
		spec_add(spec, s.p[i]);
	return i;
}

/* The marks of the grammar that stand alone. */
static void read_special(struct spec *s, char c)
{
	if (c == '<') {
		if (s->angle)
			s->error = ADDRESS_SYNTAX;
		else
			spec_reset(s, true);
	} else if (c == '>') {
		if (!s->angle)
			s->error = ADDRESS_SYNTAX;
		s->closed = true;
	} else if (c == ':') {
		/* the end of a group's name, or of a source route */
		if (s->angle && (!s->at || s->nlocal > 0))
			s->error = ADDRESS_SYNTAX;
		else
			spec_reset(s, s->angle);
	} else if (c == '@') {
		if (s->at || s->last == LAST_DOT)
			s->error = ADDRESS_SYNTAX;
		s->at = true;
		s->last = LAST_AT;
		s->any = true;
	} else if (c == '.') {
		spec_add(s, c);
		if (s->last != LAST_WORD)
			s->error = ADDRESS_SYNTAX;
		s->last = LAST_DOT;
		s->any = true;
	} else {
		s->error = ADDRESS_SYNTAX;
		s->any = true;
	}
}

/* Reads one token at the start of s; its length. */
static size_t read_token(struct spec *spec, struct str s)
{
	char c = s.p[0];

	if (is_blank(c))
		return 1;
	if (c == '(')
		return skip_comment(spec, s);
	if (spec->closed) {
		spec->loose = true;
		return 1; /* whatever follows the ">" says nothing */
	}
	if (c == '"')
		return read_quoted(spec, s);
	if (c == '[')
		return read_literal(spec, s);
	if (!is_special(c))
		return read_atom(spec, s);
	read_special(spec, c);
	return 1;
}

/* Does this character end the item? A comma between the hops of a source route does not. */
static bool ends_item(struct spec *s, char c)
{
	if (c != ',' && c != ';')
		return false;
	if (c == ',' && s->angle && !s->closed && s->at && s->nlocal == 0) {
		s->at = false;
		s->ndomain = 0;
		s->last = LAST_NONE;
		return false;
	}
	return true;
}

struct address_list address_list(struct str s)
{
	return (struct address_list){ .rest = s };
}

int address_next(struct address_list *l, unsigned flags, struct address *a)
{
	struct spec spec;
	size_t i;

	while (l->rest.n > 0) {
		spec = (struct spec){ .last = LAST_NONE };
		for (i = 0; i < l->rest.n && !ends_item(&spec, l->rest.p[i]);) {
			if (l->rest.p[i] == ',')
				i++;
			else
				i += read_token(&spec, str_skip(l->rest, i));
		}
		l->item = str_trim(str_take(l->rest, i));
		l->rest = str_skip(l->rest, i + 1);
		if (!spec.any)
			continue;
		if (spec.angle && !spec.closed)
			spec.error = ADDRESS_SYNTAX;
		if (spec.at && spec.ndomain == 0)
			spec.error = ADDRESS_NO_DOMAIN;
		if (spec.loose && (flags & ADDRESS_STRICT) != 0)
			spec.error = ADDRESS_SYNTAX;
		if (spec.error == ADDRESS_OK)
			spec.error = address_make(str_bytes(spec.local, spec.nlocal),
			    str_bytes(spec.domain, spec.ndomain), flags, a);
		l->error = spec.error;
		return spec.error == ADDRESS_OK ? 1 : -1;
	}
	l->item = STR_NONE;
	return 0;
}
