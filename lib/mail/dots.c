/* The transparency of SMTP. See dots.h. */
#include "mail/dots.h"

#include <string.h>

enum {
	LINE_START, /* behind CRLF: a dot here may be the end */
	LOOSE_START, /* behind a bare LF: a dot here is stuffed, but cannot be the end */
	TEXT,
	AFTER_CR, /* the CR is not yet in the output */
	AFTER_DOT, /* behind CRLF "."; neither is the dot */
	AFTER_DOT_CR,
};

void dots_in_start(struct dots_in *d, bool stuffed, bool normalise)
{
	*d = (struct dots_in){ .state = LINE_START, .stuffed = stuffed, .normalise = normalise };
}

/* A CR that no LF followed. */
static void bare_cr(struct dots_in *d, struct buf *out)
{
	if (!d->normalise)
		d->faults |= DOTS_BARE_CR;
	buf_char(out, d->normalise ? ' ' : '\r');
}

static void bare_lf(struct dots_in *d, struct buf *out)
{
	if (!d->normalise)
		d->faults |= DOTS_BARE_LF;
	buf_put(out, "\r\n", 2);
	d->state = LOOSE_START;
}

/* Is one of these eight bytes below 0x0e, as CR, LF and NUL are? */
static bool has_low_byte(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof w);
	return ((w - 0x0e0e0e0e0e0e0e0eu) & ~w & 0x8080808080808080u) != 0;
}

/* The length of what needs no look: up to a CR, LF or NUL. Nearly every byte passes here. */
static size_t plain_span(struct str s)
{
	size_t n = 0;

	while (n < s.n) {
		if (s.n - n >= 8 && !has_low_byte(s.p + n))
			n += 8;
		else if (s.p[n] != '\r' && s.p[n] != '\n' && s.p[n] != '\0')
			n++;
		else
			break;
	}
	return n;
}

static void text(struct dots_in *d, struct str *in, struct buf *out)
{
	size_t n = plain_span(*in);
	char c;

	buf_put(out, in->p, n);
	*in = str_skip(*in, n);
	if (in->n == 0)
		return;
	c = in->p[0];
	if (c == '\r' && in->n >= 2 && in->p[1] == '\n') { /* the usual case, without a detour */
		buf_put(out, "\r\n", 2);
		*in = str_skip(*in, 2);
		d->state = LINE_START;
		return;
	}
	*in = str_skip(*in, 1);
	if (c == '\r') {
		d->state = AFTER_CR;
	} else if (c == '\n') {
		bare_lf(d, out);
	} else {
		d->faults |= DOTS_NUL;
		buf_char(out, c);
	}
}

static void after_cr(struct dots_in *d, struct str *in, struct buf *out)
{
	if (in->p[0] == '\n') {
		buf_put(out, "\r\n", 2);
		d->state = LINE_START;
		*in = str_skip(*in, 1);
	} else if (in->p[0] == '\r' && d->normalise) {
		*in = str_skip(*in, 1);
		d->state = AFTER_CR;
	} else {
		bare_cr(d, out);
		d->state = TEXT;
	}
}

/* A stuffed dot is dropped; the one that stands alone may be the end. */
static void line_start(struct dots_in *d, struct str *in)
{
	if (!d->stuffed || in->p[0] != '.') {
		d->state = TEXT;
		return;
	}
	*in = str_skip(*in, 1);
	d->state = d->state == LINE_START ? AFTER_DOT : TEXT;
}

/* True at the end of the message. */
static bool after_dot(struct dots_in *d, struct str *in)
{
	bool cr = d->state == AFTER_DOT && in->p[0] == '\r';
	bool end = d->state == AFTER_DOT_CR && in->p[0] == '\n';

	*in = str_skip(*in, cr || end);
	if (cr)
		d->state = AFTER_DOT_CR;
	else
		d->state = d->state == AFTER_DOT_CR ? AFTER_CR : TEXT;
	return end;
}

int dots_in_feed(struct dots_in *d, struct str *in, struct buf *out)
{
	while (in->n > 0) {
		switch (d->state) {
		case LINE_START:
		case LOOSE_START:
			line_start(d, in);
			break;
		case TEXT:
			text(d, in, out);
			break;
		case AFTER_CR:
			after_cr(d, in, out);
			break;
		default:
			if (after_dot(d, in))
				return 1;
		}
	}
	return 0;
}

void dots_in_finish(struct dots_in *d, struct buf *out)
{
	if (d->state == AFTER_CR)
		bare_cr(d, out);
	if (d->state != LINE_START && d->state != LOOSE_START)
		buf_put(out, "\r\n", 2);
	d->state = LINE_START;
}

/* --- out -------------------------------------------------------------------------------------- */

void dots_out_start(struct dots_out *d)
{
	d->state = LINE_START;
}

int dots_out_feed(struct dots_out *d, struct str s, struct buf *out)
{
	while (s.n > 0) {
		size_t n = 0;

		if (d->state == AFTER_CR) {
			d->state = LINE_START;
			buf_put(out, "\r\n", 2);
			s = str_skip(s, s.p[0] == '\n');
			continue;
		}
		if (d->state == LINE_START && s.p[0] == '.')
			buf_char(out, '.');
		while (n < s.n && s.p[n] != '\r' && s.p[n] != '\n')
			n++;
		buf_put(out, s.p, n);
		if (n > 0)
			d->state = TEXT;
		s = str_skip(s, n);
		if (s.n > 0) {
			d->state = AFTER_CR;
			s = str_skip(s, s.p[0] == '\r');
		}
	}
	return out->full ? -1 : 0;
}

int dots_out_finish(struct dots_out *d, struct buf *out)
{
	if (d->state != LINE_START)
		buf_put(out, "\r\n", 2);
	d->state = LINE_START;
	return buf_put(out, ".\r\n", 3);
}
