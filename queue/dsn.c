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

enum { DATE_MAX = 40, BOUNDARY_MAX = 40 };

struct writer {
	struct buf *b;
	const struct dsn *d;
	char boundary[BOUNDARY_MAX];
	bool eightbit;
};

static const char *const subjects[] = {
	[DSN_FAILURE] = "Undelivered mail returned to sender",
	[DSN_DELAY] = "Delayed mail (still being tried)",
	[DSN_SUCCESS] = "Successful mail delivery report",
};

static const char *const openings[] = {
	[DSN_FAILURE] = "Your message could not be delivered to the recipients below. What the\r\n"
			"receiving side said stands beneath each of them.\r\n",
	[DSN_DELAY] = "Your message could not yet be delivered to the recipients below.\r\n"
		      "You need not send it again: delivery goes on being tried.\r\n",
	[DSN_SUCCESS] = "Your message was delivered as you asked to be told.\r\n",
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

static void put_head(struct writer *w)
{
	const struct dsn *d = w->d;
	char when[DATE_MAX], id[ID_TEXT + 1];

	id_format(d->id, id);
	put_field(w, "From: Mail Delivery System <MAILER-DAEMON@", d->host, ">\r\n");
	put_field(w, "To: <", d->to, ">\r\n");
	buf_printf(w->b, "Subject: %s\r\n",
	    d->postmaster ? "Postmaster: undeliverable report" : subjects[d->kind]);
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

static void put_part(struct writer *w, const char *type)
{
	buf_printf(w->b, "\r\n--%s\r\nContent-Type: %s\r\n", w->boundary, type);
	if (w->eightbit)
		buf_z(w->b, "Content-Transfer-Encoding: 8bit\r\n");
	buf_z(w->b, "\r\n");
}

static void put_words(struct writer *w)
{
	const struct dsn *d = w->d;
	char when[DATE_MAX], id[ID_TEXT + 1];

	id_format(d->about, id);
	put_part(w, w->d->utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii");
	put_field(w, "This is the mail system at ", d->host, ".\r\n\r\n");
	if (d->postmaster)
		buf_z(w->b,
		    "A report about a message could not be delivered either, so it comes to\r\n"
		    "you. Nobody else has been told.\r\n");
	else
		buf_z(w->b, openings[d->kind]);
	if (d->kind == DSN_DELAY)
		buf_printf(w->b, "It will be given up and returned to you after %s.\r\n",
		    date(d->until, when));
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		const struct dsn_rcpt *r = &d->rcpts[i];

		put_field(w, "\r\n<", r->addr, ">:\r\n    ");
		if (r->relay.n > 0)
			put_field(w, "host ", r->relay, " said: ");
		if (r->status.code != 0 && r->relay.n > 0)
			buf_printf(w->b, "%d ", r->status.code);
		if (r->status.enhanced[0] != '\0')
			buf_printf(w->b, "%s ", r->status.enhanced);
		put_text(w, str_of(r->status.text));
		buf_z(w->b, "\r\n");
	}
	buf_printf(w->b, "\r\nThe message was accepted here on %s\r\nwith the queue id %s.\r\n",
	    date(d->arrival, when), id);
}

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
	if (r->status.code != 0 && r->relay.n > 0) {
		buf_printf(w->b, "Diagnostic-Code: smtp; %d ", r->status.code);
		put_field(
		    w, r->status.enhanced, STR_NONE, r->status.enhanced[0] != '\0' ? " " : "");
		put_field(w, "", str_of(r->status.text), "\r\n");
	} else if (r->status.text[0] != '\0') {
		put_field(w, "Diagnostic-Code: x-thurn; ", str_of(r->status.text), "\r\n");
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
	put_part(w, d->utf8 ? "message/global-delivery-status" : "message/delivery-status");
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
		put_part(w, w->d->utf8 ? "message/global" : "message/rfc822");
	else
		put_part(w, w->d->utf8 ? "message/global-headers" : "text/rfc822-headers");
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
