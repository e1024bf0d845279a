/* The outcome of something at mail level. See status.h. */
#include "mail/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CODE_MIN = 200, CODE_MAX = 599 };

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	}
	return true;
}

/* What a peer said may be quoted in a text; it must not become a second line or a control code. */
static void make_printable(char *z)
{
	for (; *z != '\0'; z++) {
		if (*z < ' ' || *z > '~')
			*z = '?';
	}
}

int status_set(struct status *st, int code, const char *enhanced, const char *fmt, ...)
{
	va_list ap;

	st->code = code;
	snprintf(st->enhanced, sizeof st->enhanced, "%s", enhanced == NULL ? "" : enhanced);
	va_start(ap, fmt);
	if (vsnprintf(st->text, sizeof st->text, fmt, ap) < 0)
		st->text[0] = '\0';
	va_end(ap);
	make_printable(st->enhanced);
	make_printable(st->text);
	return -1;
}

void put_status(struct put *w, const struct status *st)
{
	put_u16(w, (uint16_t)st->code);
	put_z(w, st->enhanced);
	put_z(w, st->text);
}

void get_status(struct get *g, struct status *st)
{
	struct str enhanced, text;

	*st = (struct status){ .code = get_u16(g) };
	enhanced = get_str(g, sizeof st->enhanced - 1);
	text = get_str(g, sizeof st->text - 1);
	if ((st->code != 0 && (st->code < CODE_MIN || st->code > CODE_MAX)) ||
	    !printable(enhanced) || !printable(text))
		g->bad = true;
	if (g->bad || str_copy(enhanced, st->enhanced, sizeof st->enhanced) == -1 ||
	    str_copy(text, st->text, sizeof st->text) == -1) {
		g->bad = true;
		*st = (struct status){ 0 };
	}
}
