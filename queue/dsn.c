/* Reports on delivery. See dsn.h. */
#include "dsn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/id.h"
#include "base/ipc.h"
#include "mail/date.h"
#include "mail/mime_encode.h"
#include "mail/said.h"
#include "mail/utf8.h"

enum { DATE_MAX = 40, BOUNDARY_MAX = 40, LINE_WIDTH = 72, WORDS_MAX = 8 * 1024 * 1024 };

struct writer {
	struct buf *b;
	const struct dsn *d;
	char boundary[BOUNDARY_MAX];
	bool eightbit;
};

static const char *const actions[] = {
	[DSN_DELIVERED] = "delivered",
	[DSN_RELAYED] = "relayed",
	[DSN_EXPANDED] = "expanded",
};

static const char *date(int64_t seconds, char out[DATE_MAX])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(out, DATE_MAX, "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
		out[0] = '\0';
	return out;
}

/* What strangers said, in a line of ours: no control characters; 8-bit bytes only where they may
 * be. */
static void put_text(struct writer *w, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < ' ' || c == 0x7f || (c > 0x7f && !w->d->utf8))
			buf_char(w->b, '?');
		else
			buf_char(w->b, (char)c);
		if (c > 0x7f && w->d->utf8)
			w->eightbit = true;
	}
}

static void put_field(struct writer *w, const char *before, struct str value, const char *after)
{
	buf_z(w->b, before);
	put_text(w, value);
	buf_z(w->b, after);
}

/* What the other side said; of an address that leads elsewhere only that. */
static struct str said(const struct writer *w, const struct dsn_rcpt *r)
{
	static const struct str hidden[] = {
		[DSN_FAILURE] = STR("the address that this one leads to could not take it"),
		[DSN_DELAY] = STR("the address that this one leads to could not take it yet"),
		[DSN_SUCCESS] = STR("the address that this one leads to has taken it"),
	};

	if (w->d->kind == DSN_SUCCESS && r->action == DSN_EXPANDED)
		return STR("passed on to the addresses that this one stands for");
	return r->hidden ? hidden[w->d->kind] : str_of(r->status.text);
}

static enum words_kind words_kind(const struct dsn *d)
{
	return d->postmaster ? WORDS_POSTMASTER : (enum words_kind)d->kind;
}

static void put_head(struct writer *w)
{
	const struct dsn *d = w->d;
	char when[DATE_MAX], id[ID_TEXT + 1];

	id_format(d->id, id);
	put_field(w, "From: Mail Delivery System <MAILER-DAEMON@", d->host, ">\r\n");
	put_field(w, "To: <", d->to, ">\r\n");
	buf_z(w->b, "Subject: ");
	mime_encode_words(w->b, d->words->subject[words_kind(d)], sizeof "Subject: " - 1);
	buf_z(w->b, "\r\n");
	buf_printf(w->b, "Date: %s\r\n", date(d->now, when));
	buf_printf(w->b, "Message-ID: <%s@%.*s>\r\n", id, STR_ARG(d->host));
	buf_z(w->b, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	buf_printf(w->b,
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n",
	    w->boundary);
	if (w->eightbit)
		buf_z(w->b, "Content-Transfer-Encoding: 8bit\r\n");
	buf_z(w->b, "\r\nThis is a report on delivery in MIME format.\r\n");
}

static void put_part(struct writer *w, const char *type, const char *encoding)
{
	buf_printf(w->b, "\r\n--%s\r\nContent-Type: %s\r\n", w->boundary, type);
	if (encoding != NULL)
		buf_printf(w->b, "Content-Transfer-Encoding: %s\r\n", encoding);
	buf_z(w->b, "\r\n");
}

static const char *encoding_of(const struct writer *w)
{
	return w->eightbit ? "8bit" : NULL;
}

/* --- for people ------------------------------------------------------------------------------- */

/* Appends what a variable of a text stands for; without its "$" when there is none of that name. */
static void put_variable(const struct dsn *d, struct buf *b, struct str name)
{
	char when[DATE_MAX], id[ID_TEXT + 1];

	if (str_eq(name, STR("host"))) {
		buf_str(b, d->host);
	} else if (str_eq(name, STR("id"))) {
		id_format(d->about, id);
		buf_z(b, id);
	} else if (str_eq(name, STR("arrival"))) {
		buf_z(b, date(d->arrival, when));
	} else if (str_eq(name, STR("until"))) {
		buf_z(b, date(d->until, when));
	} else {
		buf_str(b, name);
	}
}

static size_t variable_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= 'a' && s.p[n] <= 'z')
		n++;
	return n;
}

/* The text with its variables filled in. */
static void fill_in(const struct dsn *d, struct buf *b, struct str text)
{
	for (ssize_t dollar; (dollar = str_find(text, '$')) != -1;) {
		size_t n;

		buf_str(b, str_take(text, (size_t)dollar));
		text = str_skip(text, (size_t)dollar + 1);
		n = variable_length(text);
		put_variable(d, b, str_take(text, n));
		text = str_skip(text, n);
	}
	buf_str(b, text);
}

static size_t characters(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* One paragraph, its lines broken between words. */
static void put_paragraph(struct buf *b, struct str text, const char *indent)
{
	size_t column = 0;
	struct str word;

	while (str_word(&text, &word)) {
		size_t n = characters(word);

		if (column > 0 && column + 1 + n > LINE_WIDTH) {
			buf_z(b, "\r\n");
			column = 0;
		}
		buf_z(b, column > 0 ? " " : indent);
		buf_str(b, word);
		column += (column > 0 ? 1 : strlen(indent)) + n;
	}
	buf_z(b, "\r\n");
}

static void put_paragraphs(const struct dsn *d, struct buf *b, struct str text)
{
	struct str rest, paragraph;
	struct buf filled;

	buf_init(&filled, WORDS_MAX);
	fill_in(d, &filled, text);
	rest = buf_view(&filled);
	while (str_cut(&rest, '\n', &paragraph)) {
		put_paragraph(b, paragraph, "");
		if (rest.n > 0)
			buf_z(b, "\r\n");
	}
	buf_clear(&filled);
}

/* Why, in words, and then in those of the other side. */
static void put_why(struct writer *w, const struct dsn_rcpt *r)
{
	const struct dsn *d = w->d;
	struct str reason = STR_NONE, reply;
	char why[SAID_WHY_MAX];

	if (d->kind != DSN_SUCCESS)
		reason = words_reason(d->words, str_of(r->status.enhanced));
	put_field(w, "\r\n<", r->addr, ">:\r\n");
	if (reason.n > 0)
		put_paragraph(w->b, reason, "  ");
	if (r->hidden && reason.n > 0)
		return;
	buf_z(w->b, "    ");
	if (r->status.enhanced[0] != '\0' && !said_is_reply(said(w, r), &reply))
		buf_printf(w->b, "%s ", r->status.enhanced);
	put_text(w, said_why(r->relay, said(w, r), why));
	buf_z(w->b, "\r\n");
}

static void put_encoded(struct buf *b, struct str text)
{
	struct mime_encoder e;

	mime_encode_start(&e, MIME_QP);
	mime_encode(&e, text, b);
	mime_encode_finish(&e, b);
}

static void put_words(struct writer *w)
{
	const struct dsn *d = w->d;
	struct writer inner = *w;
	struct buf text;
	bool ascii;

	buf_init(&text, WORDS_MAX);
	inner.b = &text;
	put_paragraphs(d, &text, d->words->opening[words_kind(d)]);
	for (uint32_t i = 0; i < d->nrcpts; i++)
		put_why(&inner, &d->rcpts[i]);
	buf_z(&text, "\r\n");
	put_paragraphs(d, &text, d->words->closing);
	ascii = str_is_ascii(buf_view(&text));
	put_part(w, ascii ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8",
	    ascii || w->eightbit ? encoding_of(w) : "quoted-printable");
	if (ascii || w->eightbit)
		buf_str(w->b, buf_view(&text));
	else
		put_encoded(w->b, buf_view(&text));
	w->b->full = w->b->full || text.full;
	buf_clear(&text);
}

/* --- for machines ----------------------------------------------------------------------------- */

/* "smtp.example.org[192.0.2.1]:25" is for people; machines get the name alone. */
static struct str relay_name(struct str relay)
{
	ssize_t at = str_find(relay, '[');

	return at > 0 ? str_take(relay, (size_t)at) : relay;
}

static const char *status_class(uint8_t kind)
{
	return kind == DSN_FAILURE ? "5.0.0" : kind == DSN_DELAY ? "4.0.0" : "2.0.0";
}

/* The class of the code must be that of the action (RFC 3464 2.3.4): an expired 4.x.x became 5.x.x.
 */
static void put_status_code(struct writer *w, const struct dsn_rcpt *r)
{
	const char *fallback = status_class(w->d->kind);

	if (r->status.enhanced[0] == '\0' || strlen(r->status.enhanced) < 5)
		buf_printf(w->b, "Status: %s\r\n", fallback);
	else
		buf_printf(w->b, "Status: %c%s\r\n", fallback[0], r->status.enhanced + 1);
}

static void put_rcpt_fields(struct writer *w, const struct dsn_rcpt *r)
{
	const struct dsn *d = w->d;
	char when[DATE_MAX];
	struct str reply;

	buf_z(w->b, "\r\n");
	if (r->orcpt.n > 0)
		put_field(w, "Original-Recipient: ", r->orcpt, "\r\n");
	put_field(
	    w, d->utf8 ? "Final-Recipient: utf-8;" : "Final-Recipient: rfc822;", r->addr, "\r\n");
	buf_printf(w->b, "Action: %s\r\n",
	    d->kind == DSN_FAILURE ? "failed"
	    : d->kind == DSN_DELAY ? "delayed"
				   : actions[r->action]);
	put_status_code(w, r);
	if (r->relay.n > 0)
		put_field(w, "Remote-MTA: dns; ", relay_name(r->relay), "\r\n");
	if (said_is_reply(said(w, r), &reply)) {
		put_field(w, "Diagnostic-Code: smtp; ", reply, "\r\n");
	} else if (status_good(&r->status) && r->relay.n > 0) {
		buf_printf(
		    w->b, "Diagnostic-Code: smtp; %d %s ", r->status.code, r->status.enhanced);
		put_field(w, "", said(w, r), "\r\n");
	} else if (r->status.text[0] != '\0') {
		put_field(w, "Diagnostic-Code: x-thurn; ", said(w, r), "\r\n");
	}
	if (r->last != 0)
		buf_printf(w->b, "Last-Attempt-Date: %s\r\n", date(r->last, when));
	if (d->kind == DSN_DELAY)
		buf_printf(w->b, "Will-Retry-Until: %s\r\n", date(d->until, when));
}

/* RFC 4865 6 */
static void put_release(struct writer *w)
{
	const struct dsn *d = w->d;
	char when[DATE_TEXT];

	if (d->release == 0)
		return;
	if (d->hold_for != 0)
		buf_printf(w->b, "Future-Release-Request: for;%u\r\n", (unsigned)d->hold_for);
	else {
		date_format_utc(d->release, when);
		buf_printf(w->b, "Future-Release-Request: until;%s\r\n", when);
	}
}

static void put_machine(struct writer *w)
{
	const struct dsn *d = w->d;
	char when[DATE_MAX], id[ID_TEXT + 1];

	id_format(d->about, id);
	put_part(w, d->utf8 ? "message/global-delivery-status" : "message/delivery-status",
	    encoding_of(w));
	put_field(w, "Reporting-MTA: dns; ", d->host, "\r\n");
	if (d->envid.n > 0)
		put_field(w, "Original-Envelope-Id: ", d->envid, "\r\n");
	buf_printf(w->b, "X-Queue-ID: %s\r\nArrival-Date: %s\r\n", id, date(d->arrival, when));
	put_release(w);
	for (uint32_t i = 0; i < d->nrcpts; i++)
		put_rcpt_fields(w, &d->rcpts[i]);
}

/* The header of the message, without the empty line behind it. */
static struct str header_of(struct str message)
{
	ssize_t end = str_search(message, STR("\r\n\r\n"));

	if (str_starts(message, STR("\r\n")))
		return STR_NONE;
	if (end != -1)
		return str_take(message, (size_t)end + 2);
	/* cut in the middle of a line: up to the last whole one */
	end = str_rfind(message, '\n');
	return str_take(message, (size_t)(end + 1));
}

static void put_message(struct writer *w, struct str part)
{
	if (w->d->whole)
		put_part(w, w->d->utf8 ? "message/global" : "message/rfc822", encoding_of(w));
	else
		put_part(w, w->d->utf8 ? "message/global-headers" : "text/rfc822-headers",
		    encoding_of(w));
	buf_str(w->b, part);
	buf_printf(w->b, "\r\n--%s--\r\n", w->boundary);
}

/* A boundary that does not occur in the message. */
static void choose_boundary(struct writer *w, struct str part)
{
	char id[ID_TEXT + 1];

	id_format(w->d->id, id);
	for (unsigned i = 0; i < 1000; i++) {
		int n = snprintf(w->boundary, sizeof w->boundary, "=_%s/%u", id, i);

		if (str_search(part, str_bytes(w->boundary, (size_t)n)) == -1)
			return;
	}
}

static bool has_eightbit(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] > 0x7f)
			return true;
	}
	return false;
}

int dsn_write(struct buf *b, const struct dsn *d, bool *eightbit)
{
	struct writer w = { .b = b, .d = d };
	struct str part = d->whole ? d->message : header_of(d->message);

	choose_boundary(&w, part);
	/* the recipients' addresses may be internationalised when the message is */
	w.eightbit = has_eightbit(part) || d->utf8;
	put_head(&w);
	put_words(&w);
	put_machine(&w);
	put_message(&w, part);
	*eightbit = w.eightbit;
	return b->full ? -1 : 0;
}

uint64_t dsn_id(uint64_t about, uint8_t kind, struct str to, const uint64_t *keys, uint32_t n)
{
	uint8_t head[16], hash[EVP_MAX_MD_SIZE];
	struct put w = put_into(head, sizeof head);
	struct get g = get_start(str_bytes(hash, 8));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint64_t id;

	put_u64(&w, about);
	put_u8(&w, kind);
	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, head, w.n) != 1 || EVP_DigestUpdate(ctx, to.p, to.n) != 1 ||
	    EVP_DigestUpdate(ctx, keys, n * sizeof *keys) != 1 ||
	    EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	id = get_u64(&g);
	return id != 0 ? id : 1;
}
