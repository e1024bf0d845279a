/* Mail addresses: the grammar of SMTP. See address.h. */
#include "mail/address.h"

#include <string.h>

#include "mail/utf8.h"

static bool is_atext(char c)
{
	return ascii_alpha(c) || ascii_digit(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/*
 * One character of a local part at the start of s, whatever needs quoting or not: its length, or 0
 * with *e set. Controls are refused, those of Latin-1 too.
 */
static size_t local_char(struct str s, unsigned flags, enum address_error *e)
{
	uint32_t code = (unsigned char)s.p[0];
	size_t n = 1;

	if (code < ' ' || code == 127) {
		*e = ADDRESS_SYNTAX;
		return 0;
	}
	if (code > 127) {
		n = (flags & ADDRESS_UTF8) != 0 ? utf8_char(s, &code) : 0;
		if (n == 0 || code < 0xa0) {
			*e = ADDRESS_NOT_ASCII;
			return 0;
		}
	}
	return n;
}

/* Can the content stand without quotes (Dot-string)? */
static bool is_dot_string(struct str s)
{
	bool dot = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (dot)
				return false;
			dot = true;
		} else {
			if (!is_atext(s.p[i]) && (unsigned char)s.p[i] < 128)
				return false;
			dot = false;
		}
	}
	return !dot;
}

static enum address_error check_local(struct str s, unsigned flags)
{
	enum address_error e = ADDRESS_OK;

	if (s.n == 0)
		return ADDRESS_NO_LOCAL;
	while (s.n > 0) {
		size_t n = local_char(s, flags, &e);

		if (n == 0)
			return e;
		s = str_skip(s, n);
	}
	return ADDRESS_OK;
}

/* Writes the canonical local part; its length, or 0 when it is longer than allowed. */
static size_t put_local(struct str s, char out[ADDRESS_MAX + 1])
{
	size_t n = 0;

	if (s.n > LOCAL_MAX)
		return 0;
	if (is_dot_string(s)) {
		memcpy(out, s.p, s.n);
		return s.n;
	}
	out[n++] = '"';
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			out[n++] = '\\';
		out[n++] = s.p[i];
	}
	out[n++] = '"';
	return n <= LOCAL_MAX ? n : 0;
}

static enum address_error put_domain(struct str s, unsigned flags, char out[DOMAIN_MAX + 1])
{
	bool utf8 = (flags & ADDRESS_UTF8) != 0;

	if (s.n == 0)
		return ADDRESS_NO_DOMAIN;
	if (s.p[0] == '[')
		return literal_canonical(s, out) == 0 ? ADDRESS_OK : ADDRESS_BAD_LITERAL;
	if (!str_is_ascii(s) && (!utf8 || !utf8_valid(s)))
		return ADDRESS_NOT_ASCII;
	return domain_canonical(s, utf8, out) == 0 ? ADDRESS_OK : ADDRESS_BAD_DOMAIN;
}

static enum address_error make(
    struct str local, bool has_domain, struct str domain, unsigned flags, struct address *a)
{
	char canonical[DOMAIN_MAX + 1] = "";
	enum address_error e = check_local(local, flags);
	size_t n, d;

	*a = (struct address){ 0 };
	if (e == ADDRESS_OK && has_domain)
		e = put_domain(domain, flags, canonical);
	if (e == ADDRESS_OK && !has_domain && (flags & ADDRESS_BARE) == 0)
		e = ADDRESS_NO_DOMAIN;
	if (e != ADDRESS_OK)
		return e;
	n = put_local(local, a->space);
	if (n == 0)
		return ADDRESS_TOO_LONG;
	d = strlen(canonical);
	if (has_domain)
		a->space[n] = '@';
	memcpy(a->space + n + has_domain, canonical, d);
	a->text = str_bytes(a->space, n + has_domain + d);
	a->local = str_bytes(a->space, n);
	a->domain = str_skip(a->text, n + has_domain);
	a->utf8 = !str_is_ascii(a->local);
	return ADDRESS_OK;
}

enum address_error address_make(
    struct str local, struct str domain, unsigned flags, struct address *a)
{
	return make(local, domain.n > 0, domain, flags, a);
}

/*
 * Takes a local part from the start of *s (Dot-string or Quoted-string) and puts its content into
 * out. Longer content than LOCAL_MAX is cut at one byte more, which is enough to be refused later.
 */
static enum address_error take_local(struct str *s, char out[LOCAL_MAX + 1], size_t *n)
{
	bool quoted = s->n > 0 && s->p[0] == '"';
	size_t i = quoted;

	*n = 0;
	for (; i < s->n; i++) {
		char c = s->p[i];

		if (quoted && c == '"')
			break;
		if (!quoted && c != '.' && !is_atext(c) && (unsigned char)c < 128)
			break;
		if (quoted && c == '\\' && ++i == s->n)
			break;
		if (*n <= LOCAL_MAX)
			out[(*n)++] = s->p[i];
	}
	if (quoted && i++ >= s->n)
		return ADDRESS_SYNTAX; /* no closing quote */
	if (!quoted && *n > 0 && *n <= LOCAL_MAX && !is_dot_string(str_bytes(out, *n)))
		return ADDRESS_SYNTAX;
	*s = str_skip(*s, i);
	return ADDRESS_OK;
}

enum address_error address_parse(struct str s, unsigned flags, struct address *a)
{
	char local[LOCAL_MAX + 1];
	size_t n;
	enum address_error e = take_local(&s, local, &n);

	if (e != ADDRESS_OK)
		return e;
	if (n > LOCAL_MAX)
		return ADDRESS_TOO_LONG;
	if (s.n > 0 && s.p[0] != '@')
		return ADDRESS_SYNTAX;
	return make(str_bytes(local, n), s.n > 0, str_skip(s, 1), flags, a);
}

/* The length of a domain or literal at the start of s, up to the first of the stop characters. */
static size_t domain_span(struct str s, const char *stops)
{
	size_t i = 0;

	if (s.n > 0 && s.p[0] == '[') {
		while (i < s.n && s.p[i] != ']')
			i++;
	}
	while (i < s.n && s.p[i] != '\0' && strchr(stops, s.p[i]) == NULL)
		i++;
	return i;
}

/* "@a,@b:" */
static enum address_error skip_route(struct str *s, unsigned flags)
{
	char scrap[DOMAIN_MAX + 1];
	enum address_error e;
	size_t n;
	char c;

	do {
		if (s->n == 0 || s->p[0] != '@')
			return ADDRESS_SYNTAX;
		*s = str_skip(*s, 1);
		n = domain_span(*s, ",:>");
		e = put_domain(str_take(*s, n), flags, scrap);
		if (e != ADDRESS_OK)
			return e;
		*s = str_skip(*s, n);
		c = s->n == 0 ? '\0' : s->p[0];
		*s = str_skip(*s, 1);
	} while (c == ',');
	return c == ':' ? ADDRESS_OK : ADDRESS_SYNTAX;
}

enum address_error address_path(struct str *rest, unsigned flags, struct address *a)
{
	char local[LOCAL_MAX + 1];
	struct str s = *rest, domain = STR_NONE;
	enum address_error e = ADDRESS_OK;
	bool at;
	size_t n;

	*a = (struct address){ 0 };
	if (s.n == 0 || s.p[0] != '<')
		return ADDRESS_SYNTAX;
	s = str_skip(s, 1);
	if ((flags & ADDRESS_NULL) != 0 && s.n > 0 && s.p[0] == '>') {
		a->text = a->local = a->domain = STR_NONE;
		*rest = str_skip(s, 1);
		return ADDRESS_OK;
	}
	if (s.n > 0 && s.p[0] == '@')
		e = skip_route(&s, flags);
	if (e == ADDRESS_OK)
		e = take_local(&s, local, &n);
	if (e != ADDRESS_OK)
		return e;
	at = s.n > 0 && s.p[0] == '@';
	if (at) {
		s = str_skip(s, 1);
		domain = str_take(s, domain_span(s, ">"));
		s = str_skip(s, domain.n);
	}
	if (s.n == 0 || s.p[0] != '>')
		return ADDRESS_SYNTAX;
	*rest = str_skip(s, 1);
	if (n > LOCAL_MAX)
		return ADDRESS_TOO_LONG;
	return make(str_bytes(local, n), at, domain, flags, a);
}

size_t address_unquote(struct str local, char out[LOCAL_MAX])
{
	size_t n = 0;

	if (local.n >= 2 && local.p[0] == '"')
		local = str_take(str_skip(local, 1), local.n - 2);
	for (size_t i = 0; i < local.n && n < LOCAL_MAX; i++) {
		if (local.p[i] == '\\' && i + 1 < local.n)
			i++;
		out[n++] = local.p[i];
	}
	return n;
}

const char *address_error_text(enum address_error e)
{
	static const char *const texts[ADDRESS_ERROR_MAX] = {
		[ADDRESS_OK] = "no error",
		[ADDRESS_SYNTAX] = "not of the form <local-part@domain>",
		[ADDRESS_NO_LOCAL] = "the part before the @ is empty",
		[ADDRESS_NO_DOMAIN] = "the domain is missing",
		[ADDRESS_BAD_DOMAIN] = "the domain is not valid",
		[ADDRESS_BAD_LITERAL] = "the address literal is not valid",
		[ADDRESS_TOO_LONG] = "the part before the @ is too long",
		[ADDRESS_NOT_ASCII] = "it needs SMTPUTF8 and valid UTF-8",
	};

	return e < ADDRESS_ERROR_MAX ? texts[e] : "?";
}
