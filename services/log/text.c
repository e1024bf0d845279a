/*
 * Events as lines in the words of Postfix, so that the tools of twenty years read them; see
 * render.h. One row of the table per event; what has no row is written as its name and its fields.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/id.h"
#include "mail/utf8.h"
#include "render.h"

static const char *const levels[] = { "debug: ", "", "", "warning: ", "error: " };

static bool printable(uint32_t code)
{
	return code >= ' ' &&
	       (code < 127 || (code >= 0xa0 && code != 0x2028 && code != 0x2029 && code != 0xfeff));
}

void render_escaped(struct buf *b, struct str s)
{
	while (s.n > 0) {
		uint32_t code;
		size_t n = 0;

		while (n < s.n && s.p[n] >= ' ' && s.p[n] < 127)
			n++;
		if (n > 0) {
			buf_put(b, s.p, n);
			s = str_skip(s, n);
			continue;
		}
		n = utf8_char(s, &code);
		if (n > 0 && printable(code))
			buf_put(b, s.p, n);
		else
			for (size_t i = 0; i < (n > 0 ? n : 1); i++)
				buf_printf(b, "\\x%02x", (unsigned char)s.p[i]);
		s = str_skip(s, n > 0 ? n : 1);
	}
}

/* --- pieces ---------------------------------------------------------------------------------- */

static void put_queue_id(struct buf *b, const struct entry *e, const char *none)
{
	char id[ID_TEXT + 1];

	if (e->tag.queue == 0) {
		buf_z(b, none);
		return;
	}
	id_format(e->tag.queue, id);
	buf_printf(b, "%s: ", id);
}

static void put_trace(struct buf *b, const struct entry *e, const char *before)
{
	char id[ID_TEXT + 1];

	if (e->tag.trace == 0)
		return;
	id_format(e->tag.trace, id);
	buf_printf(b, "%strace=%s", before, id);
}

/* "key=" and the field in <>, or nothing when it is empty and not `always`. */
static void put_address(
    struct buf *b, const struct entry *e, const char *key, const char *before, bool always)
{
	struct str s = event_str(e, key);

	if (s.n == 0 && !always)
		return;
	buf_printf(b, "%s%s=<", before, key);
	render_escaped(b, s);
	buf_char(b, '>');
}

static void put_word(
    struct buf *b, const struct entry *e, const char *key, const char *as, const char *before)
{
	struct str s = event_str(e, key);

	if (s.n == 0)
		return;
	buf_printf(b, "%s%s=", before, as);
	render_escaped(b, s);
}

/* "name[address]" as Postfix names its clients. */
static void put_client(struct buf *b, const struct entry *e)
{
	struct str name = event_str(e, "client_name"), address = event_str(e, "client");

	if (str_eq(address, STR("local"))) {
		name = STR("localhost");
		address = STR("127.0.0.1");
	}
	render_escaped(b, name.n > 0 ? name : STR("unknown"));
	buf_char(b, '[');
	render_escaped(b, address);
	buf_char(b, ']');
}

/* Seconds with as many decimals as Postfix gives. */
static void put_delay(struct buf *b, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms < 10000)
		buf_printf(b, "%lld.%02lld", (long long)(ms / 1000), (long long)(ms % 1000 / 10));
	else
		buf_printf(b, "%lld", (long long)(ms / 1000));
}

/* --- one event, one function ----------------------------------------------------------------- */

static void client_line(struct buf *b, const struct entry *e, const char *verb)
{
	buf_printf(b, "%s ", verb);
	put_client(b, e);
	put_trace(b, e, " ");
}

static void line_connect(struct buf *b, const struct entry *e)
{
	client_line(b, e, "connect from");
}

static void line_disconnect(struct buf *b, const struct entry *e)
{
	client_line(b, e, "disconnect from");
}

static void after_line(struct buf *b, const struct entry *e, const char *what)
{
	struct str after = event_str(e, "after");

	buf_printf(b, "%s after ", what);
	render_escaped(b, after.n > 0 ? after : STR("CONNECT"));
	client_line(b, e, " from");
}

static void line_lost(struct buf *b, const struct entry *e)
{
	after_line(b, e, "lost connection");
}

static void line_tls(struct buf *b, const struct entry *e)
{
	int64_t bits = event_int(e, "bits", 0);

	buf_z(b, "Anonymous TLS connection established from ");
	put_client(b, e);
	buf_z(b, ": ");
	render_escaped(b, event_str(e, "version"));
	buf_z(b, " with cipher ");
	render_escaped(b, event_str(e, "cipher"));
	buf_printf(b, " (%lld/%lld bits)", (long long)bits, (long long)bits);
	put_trace(b, e, " ");
}

static void line_timeout(struct buf *b, const struct entry *e)
{
	after_line(b, e, "timeout");
}

static void line_accepted(struct buf *b, const struct entry *e)
{
	put_queue_id(b, e, "NOQUEUE: ");
	buf_z(b, "client=");
	put_client(b, e);
	put_word(b, e, "login", "sasl_username", ", ");
	put_word(b, e, "message_id", "message-id", ", ");
	put_trace(b, e, ", ");
}

static void line_queued(struct buf *b, const struct entry *e)
{
	put_queue_id(b, e, "");
	put_address(b, e, "from", "", true);
	buf_printf(b, ", size=%lld, nrcpt=%lld (queue active)", (long long)event_int(e, "size", 0),
	    (long long)event_int(e, "nrcpt", 0));
}

/* Who sent what to whom, at the end of a line about a recipient. */
static void put_envelope(struct buf *b, const struct entry *e, bool from)
{
	put_address(b, e, "from", " ", from);
	put_address(b, e, "to", " ", false);
	put_word(b, e, "protocol", "proto", " ");
	put_address(b, e, "helo", " ", false);
	put_word(b, e, "rule", "rule", " ");
	put_trace(b, e, " ");
}

/* "NOQUEUE: hold: RCPT from unknown[192.0.2.1]: <to>: triggers HOLD text; from=<> ..." */
static void line_rcpt_action(struct buf *b, const struct entry *e)
{
	struct str action = event_str(e, "action"), value = event_str(e, "value");

	put_queue_id(b, e, "NOQUEUE: ");
	for (size_t i = 0; i < action.n; i++)
		buf_char(b, ascii_lower(action.p[i]));
	buf_z(b, ": RCPT from ");
	put_client(b, e);
	buf_z(b, ": <");
	render_escaped(b, event_str(e, "to"));
	buf_z(b, ">: triggers ");
	render_escaped(b, action);
	buf_z(b, value.n > 0 ? " " : "");
	render_escaped(b, value);
	buf_char(b, ';');
	put_envelope(b, e, true);
}

static void refused_line(struct buf *b, const struct entry *e, const char *stage)
{
	struct str to = event_str(e, "to"), enhanced = event_str(e, "enhanced");

	put_queue_id(b, e, "NOQUEUE: ");
	buf_printf(b, "reject: %s from ", stage);
	put_client(b, e);
	buf_printf(b, ": %lld ", (long long)event_int(e, "code", 550));
	render_escaped(b, enhanced);
	buf_z(b, enhanced.n > 0 ? " " : "");
	if (to.n > 0) {
		buf_char(b, '<');
		render_escaped(b, to);
		buf_z(b, ">: ");
	}
	render_escaped(b, event_str(e, "text"));
	buf_char(b, ';');
	put_envelope(b, e, strcmp(stage, "CONNECT") != 0);
}

static void line_rcpt_refused(struct buf *b, const struct entry *e)
{
	refused_line(b, e, "RCPT");
}

static void line_mail_refused(struct buf *b, const struct entry *e)
{
	refused_line(b, e, "MAIL");
}

static void line_data_refused(struct buf *b, const struct entry *e)
{
	refused_line(b, e, "END-OF-MESSAGE");
}

static void line_client_refused(struct buf *b, const struct entry *e)
{
	refused_line(b, e, "CONNECT");
}

static void result_line(struct buf *b, const struct entry *e, const char *status)
{
	struct str relay = event_str(e, "relay"), delays = event_str(e, "delays");
	struct str dsn = event_str(e, "dsn");

	put_queue_id(b, e, "");
	put_address(b, e, "to", "", true);
	if (!str_eq(event_str(e, "orig_to"), event_str(e, "to")))
		put_address(b, e, "orig_to", ", ", false);
	buf_z(b, ", relay=");
	render_escaped(b, relay.n > 0 ? relay : STR("none"));
	buf_z(b, ", delay=");
	put_delay(b, event_int(e, "delay", 0));
	buf_z(b, ", delays=");
	render_escaped(b, delays.n > 0 ? delays : STR("0/0/0/0"));
	buf_z(b, ", dsn=");
	render_escaped(b, dsn.n > 0 ? dsn : STR("2.0.0"));
	buf_printf(b, ", status=%s (", status);
	render_escaped(b, event_str(e, "status"));
	buf_char(b, ')');
}

static void line_sent(struct buf *b, const struct entry *e)
{
	result_line(b, e, "sent");
}

static void line_deferred(struct buf *b, const struct entry *e)
{
	result_line(b, e, "deferred");
}

static void line_bounced(struct buf *b, const struct entry *e)
{
	result_line(b, e, "bounced");
}

static void line_removed(struct buf *b, const struct entry *e)
{
	put_queue_id(b, e, "");
	buf_z(b, "removed");
}

static void line_report(struct buf *b, const struct entry *e)
{
	put_queue_id(b, e, "");
	buf_z(b, "sender non-delivery notification: ");
	render_escaped(b, event_str(e, "report"));
}

static void line_auth_refused(struct buf *b, const struct entry *e)
{
	struct str mechanism = event_str(e, "mechanism");

	buf_z(b, "warning: ");
	put_client(b, e);
	buf_z(b, ": SASL ");
	render_escaped(b, mechanism.n > 0 ? mechanism : STR("LOGIN"));
	/* tools that look for this want the colon and a reason behind it */
	buf_z(b, " authentication failed: wrong login or password");
	put_word(b, e, "login", "sasl_username", ", ");
	put_trace(b, e, ", ");
}

/* "name key=value key="two words"". */
static void line_other(struct buf *b, const struct entry *e)
{
	put_queue_id(b, e, "");
	buf_z(b, levels[e->level]);
	buf_str(b, e->name);
	put_trace(b, e, " ");
	for (uint8_t i = 0; i < e->nfields; i++) {
		const struct kv *f = &e->fields[i];
		bool quote = f->kind == KV_STR && (f->s.n == 0 || str_find(f->s, ' ') != -1 ||
						      str_find(f->s, '"') != -1);

		buf_printf(b, " %s=", f->key);
		if (f->kind == KV_INT) {
			buf_printf(b, "%lld", (long long)f->i);
			continue;
		}
		buf_z(b, quote ? "\"" : "");
		render_escaped(b, f->s);
		buf_z(b, quote ? "\"" : "");
	}
}

static const struct {
	const char *name;
	void (*fn)(struct buf *b, const struct entry *e);
} lines[] = {
	{ "auth-refused", line_auth_refused },
	{ "bounced", line_bounced },
	{ "client-refused", line_client_refused },
	{ "connect", line_connect },
	{ "data-refused", line_data_refused },
	{ "deferred", line_deferred },
	{ "delivered", line_sent },
	{ "disconnect", line_disconnect },
	{ "expired", line_bounced },
	{ "lost-connection", line_lost },
	{ "mail-accepted", line_accepted },
	{ "mail-refused", line_mail_refused },
	{ "message-accepted", line_queued },
	{ "rcpt-action", line_rcpt_action },
	{ "rcpt-refused", line_rcpt_refused },
	{ "removed", line_removed },
	{ "report-made", line_report },
	{ "timeout", line_timeout },
	{ "tls", line_tls },
};

static void put_line(struct buf *b, const struct origin *o, const struct entry *e)
{
	buf_printf(b, "thurn/%s[%d]: ", o->program, o->pid);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (str_eq(e->name, str_of(lines[i].name))) {
			lines[i].fn(b, e);
			return;
		}
	line_other(b, e);
}

static void put_syslog_time(struct buf *b, int64_t us)
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;
	char text[40];

	if (us < 0 || localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof text, "%b %e %T", &tm) == 0)
		buf_z(b, "Jan  1 00:00:00");
	else
		buf_z(b, text);
}

void render_text(struct buf *b, const char *host, const struct origin *o, const struct entry *e)
{
	size_t begin = b->n;

	put_syslog_time(b, e->time);
	buf_printf(b, " %s ", host);
	put_line(b, o, e);
	buf_char(b, '\n');
	if (b->full)
		b->n = begin;
}

void render_syslog(struct buf *b, const char *host, const struct origin *o, const struct entry *e)
{
	/* facility mail (2), severity by level: RFC 3164 4.1.1 */
	static const int severities[] = { 7, 6, 5, 4, 3 };
	size_t begin = b->n;

	(void)host;
	buf_printf(b, "<%d>", 2 * 8 + severities[e->level]);
	put_syslog_time(b, e->time);
	buf_char(b, ' ');
	put_line(b, o, e);
	buf_char(b, '\n');
	if (b->full)
		b->n = begin;
}
