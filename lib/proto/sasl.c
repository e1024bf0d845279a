/* Logins between servers and services/sasl. See sasl.h. */
#include "proto/sasl.h"

#include <string.h>

enum { NEEDS_ALL = SASL_NEEDS_SECURE | SASL_NEEDS_EXPORTER | SASL_NEEDS_CERTIFICATE };

int sasl_needs(struct str name)
{
	static const struct {
		const char *name;
		int needs;
	} known[] = {
		{ "PLAIN", SASL_NEEDS_SECURE },
		{ "LOGIN", SASL_NEEDS_SECURE },
		{ "SCRAM-SHA-256", SASL_NEEDS_SECURE },
		{ "SCRAM-SHA-256-PLUS", SASL_NEEDS_SECURE | SASL_NEEDS_EXPORTER },
		{ "SCRAM-SHA-1", SASL_NEEDS_SECURE },
		{ "SCRAM-SHA-1-PLUS", SASL_NEEDS_SECURE | SASL_NEEDS_EXPORTER },
		{ "OAUTHBEARER", SASL_NEEDS_SECURE },
		{ "XOAUTH2", SASL_NEEDS_SECURE },
		{ "EXTERNAL", SASL_NEEDS_SECURE | SASL_NEEDS_CERTIFICATE },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (str_caseeq(name, str_of(known[i].name)))
			return known[i].needs;
	return -1;
}

void put_sasl_names(struct put *w, const struct sasl_names *s)
{
	put_u8(w, (uint8_t)s->n);
	for (unsigned i = 0; i < s->n; i++) {
		put_z(w, s->rows[i].name);
		put_u8(w, s->rows[i].needs);
	}
}

/* RFC 4422 3.1: upper case letters, digits, hyphens and underscores. */
static bool name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || ascii_digit(c) || c == '-' || c == '_';
}

static int get_name(struct get *g, char out[SASL_NAME_MAX + 1])
{
	struct str s = get_line(g, SASL_NAME_MAX);

	for (size_t i = 0; i < s.n; i++)
		if (!name_char(s.p[i]))
			return -1;
	return s.n == 0 ? -1 : str_copy(s, out, SASL_NAME_MAX + 1);
}

int get_sasl_names(struct get *g, struct sasl_names *s)
{
	s->n = get_u8(g);
	if (s->n > SASL_NAMES_MAX)
		return -1;
	for (unsigned i = 0; i < s->n; i++) {
		if (get_name(g, s->rows[i].name) == -1)
			return -1;
		s->rows[i].needs = get_u8(g);
		if ((s->rows[i].needs & ~NEEDS_ALL) != 0)
			return -1;
	}
	return get_end(g);
}

bool sasl_names_have(const struct sasl_names *s, unsigned has, struct str name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (str_caseeq(name, str_of(s->rows[i].name)))
			return (s->rows[i].needs & ~has) == 0;
	return false;
}

void sasl_names_print(const struct sasl_names *s, unsigned has, const char *prefix, struct buf *out)
{
	for (unsigned i = 0; i < s->n; i++)
		if ((s->rows[i].needs & ~has) == 0)
			buf_printf(out, " %s%s", prefix, s->rows[i].name);
}

void put_sasl_start(struct put *w, const struct sasl_start *s)
{
	put_u64(w, s->trace);
	put_u64(w, s->id);
	put_str(w, s->client);
	put_str(w, s->mechanism);
	put_u8(w, s->has_initial);
	put_str(w, s->initial);
	put_u8(w, s->secure);
	put_str(w, s->exporter);
	put_str(w, s->certificate);
}

int get_sasl_start(struct get *g, struct sasl_start *s)
{
	s->trace = get_u64(g);
	s->id = get_u64(g);
	s->service = STR_NONE;
	s->client = get_line(g, CLIENT_MAX);
	s->mechanism = get_str(g, SASL_NAME_MAX);
	s->has_initial = get_bool(g);
	s->initial = get_str(g, SASL_MESSAGE_MAX);
	s->secure = get_bool(g);
	s->exporter = get_str(g, SASL_EXPORTER_BYTES);
	s->certificate = get_line(g, LOGIN_MAX);
	if (s->exporter.n != 0 && s->exporter.n != SASL_EXPORTER_BYTES)
		g->bad = true;
	return get_end(g);
}

void put_sasl_more(struct put *w, const struct sasl_more *s)
{
	put_u64(w, s->id);
	put_str(w, s->data);
}

int get_sasl_more(struct get *g, struct sasl_more *s)
{
	s->id = get_u64(g);
	s->data = get_str(g, SASL_MESSAGE_MAX);
	return get_end(g);
}

void put_sasl_answer(struct put *w, const struct sasl_answer *a)
{
	put_u8(w, a->verdict);
	put_str(w, a->data);
	put_str(w, a->login);
	put_status(w, &a->status);
	put_nonce(w, a->nonce);
}

int get_sasl_answer(struct get *g, struct sasl_answer *a)
{
	a->verdict = get_u8(g);
	a->data = get_str(g, SASL_MESSAGE_MAX);
	a->login = get_line(g, LOGIN_MAX);
	get_status(g, &a->status);
	get_nonce(g, a->nonce);
	if (a->verdict >= SASL_VERDICTS)
		g->bad = true;
	return get_end(g);
}
