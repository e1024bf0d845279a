/* A header read as a stream. See header.h. */
#include "mail/header.h"

#include <string.h>

enum { AT_START, IN_NAME, BEHIND_NAME, IN_VALUE, VALUE_LINE_START, AT_CR, DONE };

void header_start(struct header_scan *h)
{
	*h = (struct header_scan){ .state = AT_START };
}

static void hold(struct header_scan *h, char c)
{
	h->space[h->held++] = c;
	h->raw = str_bytes(h->space, h->held);
}

static enum header_piece body(struct header_scan *h)
{
	h->state = DONE;
	h->raw = str_bytes(h->space, h->held);
	return HEADER_BODY;
}

/* The value goes on to the end of the line, or of the input. */
static enum header_piece value(struct header_scan *h, struct str *in)
{
	ssize_t lf = str_find(*in, '\n');

	h->piece = str_take(*in, lf == -1 ? in->n : (size_t)lf + 1);
	*in = str_skip(*in, h->piece.n);
	h->state = lf == -1 ? IN_VALUE : VALUE_LINE_START;
	return HEADER_VALUE;
}

/* One character at the start of a line or in a name; HEADER_MORE = go on. */
static enum header_piece name_char(struct header_scan *h, char c)
{
	hold(h, c);
	if (c == '\n' && (h->held == 1 || (h->state == AT_CR && h->held == 2)))
		return body(h);
	if (c == '\r' && h->held == 1) {
		h->state = AT_CR;
		return HEADER_MORE;
	}
	if (c == ':' && (h->state == IN_NAME || h->state == BEHIND_NAME)) {
		h->name = str_trim(str_take(h->raw, h->held - 1));
		h->state = IN_VALUE;
		return HEADER_FIELD;
	}
	if ((c == ' ' || c == '\t') && (h->state == IN_NAME || h->state == BEHIND_NAME))
		h->state = BEHIND_NAME;
	else if (c > ' ' && c < 127 && c != ':' && (h->state == AT_START || h->state == IN_NAME))
		h->state = IN_NAME;
	else
		return body(h);
	return h->held == sizeof h->space ? body(h) : HEADER_MORE;
}

enum header_piece header_next(struct header_scan *h, struct str *in)
{
	enum header_piece r;

	while (in->n > 0 && h->state != DONE) {
		if (h->state == IN_VALUE)
			return value(h, in);
		if (h->state == VALUE_LINE_START) {
			if (in->p[0] == ' ' || in->p[0] == '\t')
				return value(h, in);
			h->state = AT_START;
			h->held = 0;
		}
		r = name_char(h, in->p[0]);
		*in = str_skip(*in, 1);
		if (r != HEADER_MORE)
			return r;
	}
	return HEADER_MORE;
}

struct str header_rest(struct header_scan *h)
{
	bool inside = h->state == IN_NAME || h->state == BEHIND_NAME || h->state == AT_CR;

	h->state = DONE;
	return inside ? str_bytes(h->space, h->held) : STR_NONE;
}

int header_unfold(struct buf *b, struct str value)
{
	size_t start = b->n;

	value = str_trim(value);
	while (value.n > 0) {
		size_t n = 0;

		while (n < value.n && value.p[n] != '\r' && value.p[n] != '\n')
			n++;
		buf_put(b, value.p, n);
		value = str_skip(value, n == value.n ? n : n + 1);
	}
	if (b->full)
		b->n = start;
	return b->full ? -1 : 0;
}

void header_note(struct header_facts *f, struct str name)
{
	if (str_caseeq(name, STR("Received")))
		f->received++;
	else if (str_caseeq(name, STR("Date")))
		f->date = true;
	else if (str_caseeq(name, STR("Message-ID")))
		f->message_id = true;
	else if (str_caseeq(name, STR("From")))
		f->from = true;
	else if (str_caseeq(name, STR("Sender")))
		f->sender = true;
}
