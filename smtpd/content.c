/*
 * The content of a message. See content.h.
 *
 * Each piece that the connection hands over goes through two buffers of the process and is written
 * in one call. A message that will be refused is read to its end all the same, and thrown away.
 */
#include "content.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/id.h"
#include "mail/date.h"
#include "mail/domain.h"
#include "proto/queue.h"

enum {
	CLEAN_MAX = 2 * LIMIT_INPUT + 16, /* see dots_in_feed() */
	OUT_MAX = CLEAN_MAX + 8 * 1024, /* and what is added to the header */
};

static struct buf clean = { .max = CLEAN_MAX };
static struct buf out = { .max = OUT_MAX };

void content_start(struct transaction *t, const struct content_rules *rules, bool stuffed)
{
	struct content *c = t->content = xcalloc(1, sizeof *c);

	c->rules = *rules;
	dots_in_start(&c->dots, stuffed, rules->normalise);
	header_start(&c->scan);
	authors_start(&c->authors);
	buf_init(&c->held, OUT_MAX + 8 * 1024);
}

void content_trace(struct transaction *t, struct str field)
{
	buf_str(&t->content->held, field);
}

/* --- the header ------------------------------------------------------------------------------- */

static void note_message_id(struct content *c, struct str piece)
{
	for (size_t i = 0; i < piece.n && c->message_id_n < sizeof c->message_id; i++) {
		if ((unsigned char)piece.p[i] > ' ')
			c->message_id[c->message_id_n++] = piece.p[i];
	}
}

/* RFC 8689 5: "No" is the only value there is. */
static void note_tls_required(struct content *c, struct str piece)
{
	for (size_t i = 0; i < piece.n && c->tls_required_n < sizeof c->tls_required; i++) {
		if ((unsigned char)piece.p[i] > ' ')
			c->tls_required[c->tls_required_n++] = piece.p[i];
	}
}

static void waive_tls(struct transaction *t)
{
	const struct content *c = t->content;

	if (t->envelope.tls != TLS_REQUIRED &&
	    str_caseeq(str_bytes(c->tls_required, c->tls_required_n), STR("No")))
		t->envelope.tls = TLS_WAIVED;
}

static void add_missing(struct transaction *t)
{
	struct content *c = t->content;
	struct str sender = t->envelope.sender;
	char date[DATE_TEXT], id[ID_TEXT + 1], message_id[ID_TEXT + DOMAIN_MAX + 4];

	if (!c->rules.add_missing || c->fault.code != 0)
		return;
	if (sender.n == 0 && c->rules.read_authors)
		sender = t->envelope.login;
	if (!c->facts.date) {
		date_format(time(NULL), date);
		buf_printf(&out, "Date: %s\r\n", date);
	}
	if (!c->facts.message_id) {
		id_format(t->body->id, id);
		snprintf(message_id, sizeof message_id, "<%s@%s>", id, c->rules.hostname);
		note_message_id(c, str_of(message_id));
		buf_printf(&out, "Message-ID: %s\r\n", message_id);
	}
	if (!c->facts.from && sender.n > 0)
		buf_printf(&out, "From: <%.*s>\r\n", STR_ARG(sender));
	/* RFC 5322 3.6.2: several authors need somebody who sends */
	if (c->authors.nfrom > 1 && !c->facts.sender)
		buf_printf(&out, "Sender: <%.*s>\r\n", STR_ARG(sender));
}

static void end_header(struct transaction *t)
{
	struct content *c = t->content;

	c->body = true;
	t->envelope.marks = marks_text(&c->marks);
	if (c->rules.read_authors)
		authors_end(&c->authors, &t->arena);
	waive_tls(t);
	add_missing(t);
}

/* Passes header bytes on and learns from them, until the header ends. */
static void through_header(struct transaction *t, struct str in)
{
	struct content *c = t->content;
	enum header_piece p;

	while (!c->body && (p = header_next(&c->scan, &in)) != HEADER_MORE) {
		if (p == HEADER_FIELD) {
			header_note(&c->facts, c->scan.name);
			c->note_id =
			    str_caseeq(c->scan.name, STR("Message-ID")) && c->message_id_n == 0;
			c->note_tls = str_caseeq(c->scan.name, STR("TLS-Required"));
			if (c->rules.read_authors)
				authors_field(&c->authors, &t->arena, c->scan.name);
			marks_field(&c->marks, c->scan.name);
			buf_str(&out, c->scan.raw);
		} else if (p == HEADER_VALUE) {
			marks_value(&c->marks, c->scan.piece);
			authors_value(&c->authors, c->scan.piece);
			if (c->note_id)
				note_message_id(c, c->scan.piece);
			if (c->note_tls)
				note_tls_required(c, c->scan.piece);
			buf_str(&out, c->scan.piece);
		} else {
			end_header(t);
			/* a body that begins without the empty line gets it, or it would be header
			 */
			if (c->scan.raw.p[0] != '\r')
				buf_put(&out, "\r\n", 2);
			buf_str(&out, c->scan.raw);
		}
	}
	buf_str(&out, in);
}

/* --- into the body ---------------------------------------------------------------------------- */

static void local_fault(struct content *c)
{
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == ENOMEM)
		status_set(&c->fault, 452, "4.3.1", "insufficient system storage, try again later");
	else
		status_set(&c->fault, 451, "4.3.0", "local error in processing, try again later");
}

/* Writes what is in out, unless the message is lost already. */
static enum content_result flush(struct transaction *t)
{
	struct content *c = t->content;
	bool overflow;

	c->written += out.n;
	if (c->fault.code == 0 && c->written > c->rules.size_limit)
		status_set(&c->fault, 552, "5.3.4", "message size exceeds the limit of %llu bytes",
		    (unsigned long long)c->rules.size_limit);
	if (c->fault.code != 0) {
		buf_clear(&c->held);
		if (c->received > c->rules.size_limit + LIMIT_DISCARD)
			return CONTENT_ENDLESS;
		return c->ended ? CONTENT_END : CONTENT_MORE;
	}
	overflow = !t->body->large && t->body->size + c->held.n + out.n > BODY_SMALL;
	if (overflow || c->held.n > 0) {
		buf_str(&c->held, buf_view(&out));
		buf_reset(&out);
	}
	assert(!c->held.full);
	if (overflow)
		return CONTENT_LARGE;
	if (body_write(t->body, buf_view(c->held.n > 0 ? &c->held : &out)) == -1)
		local_fault(c);
	buf_clear(&c->held);
	return c->ended ? CONTENT_END : CONTENT_MORE;
}

void content_enlarged(struct transaction *t)
{
	struct content *c = t->content;

	if (c->fault.code == 0 && body_write(t->body, buf_view(&c->held)) == -1)
		local_fault(c);
	buf_clear(&c->held);
}

static enum content_result pass_on(struct transaction *t)
{
	struct content *c = t->content;

	if (c->dots.faults & (DOTS_BARE_CR | DOTS_BARE_LF))
		return CONTENT_BARE;
	if (!c->body) {
		through_header(t, buf_view(&clean));
		if (c->ended && !c->body)
			end_header(t);
	}
	return flush(t);
}

enum content_result content_feed(struct transaction *t, struct str *in)
{
	struct content *c = t->content;
	struct buf *to = c->body ? &out : &clean;
	size_t before = in->n;

	assert(in->n <= LIMIT_INPUT);
	buf_reset(&clean);
	buf_reset(&out);
	c->ended = dots_in_feed(&c->dots, in, to) == 1;
	assert(!to->full);
	c->received += before - in->n;
	return pass_on(t);
}

enum content_result content_last(struct transaction *t)
{
	struct content *c = t->content;

	buf_reset(&clean);
	buf_reset(&out);
	dots_in_finish(&c->dots, c->body ? &out : &clean);
	c->ended = true;
	return pass_on(t);
}

bool content_good(struct transaction *t)
{
	struct content *c = t->content;

	if (c->fault.code != 0)
		return false;
	if ((c->dots.faults & DOTS_NUL) != 0)
		status_set(&c->fault, 550, "5.6.0", "message contains NUL, which mail must not");
	else if (c->authors.fault.code != 0)
		c->fault = c->authors.fault;
	else if (c->facts.received > c->rules.hops)
		status_set(&c->fault, 554, "5.4.6", "too many hops, the message is in a loop");
	return c->fault.code == 0;
}
