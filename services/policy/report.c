/* A report about TLS. See report.h. */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "mail/date.h"
#include "mail/mime_encode.h"
#include "proto/queue.h"
#include "sign.h"

enum {
	GZIP = 16 + MAX_WBITS, /* deflateInit2(3) */
	MESSAGE_MAX = QUEUE_REPORT_MAX - SIGN_FIELDS,
};

void report_id(const struct tally *t, const struct reporter *who, char out[REPORT_ID_MAX + 1])
{
	snprintf(out, REPORT_ID_MAX + 1, "%lld.%s@%s", (long long)t->begin, t->domain, who->host);
}

/* The last second that it is about. */
static int64_t last_of(const struct tally *t)
{
	return t->end > t->begin ? t->end - 1 : t->begin;
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* What others have said is text if it is UTF-8. */
static json_t *text_of(struct str s)
{
	json_t *o = json_stringn(s.p, s.n);

	return o != NULL ? o : json_string("?");
}

static void set_ip(json_t *o, const char *name, const struct ip *ip)
{
	char text[IP_TEXT];

	ip_format(ip, text);
	if (text[0] != '\0')
		json_object_set_new(o, name, json_string(text));
}

static json_t *failure_json(const struct tally_failure *f)
{
	json_t *o = json_pack("{s:s}", "result-type", tls_failure_name(f->failure));

	set_ip(o, "sending-mta-ip", &f->ours);
	json_object_set_new(o, "receiving-mx-hostname", text_of(str_of(f->host)));
	set_ip(o, "receiving-ip", &f->theirs);
	json_object_set_new(o, "failed-session-count", json_integer((json_int_t)f->sessions));
	if (f->reason[0] != '\0')
		json_object_set_new(o, "failure-reason-code", text_of(str_of(f->reason)));
	return o;
}

/* The policy in words, and the hosts that it names. */
static void set_strings(json_t *o, const struct tally_policy *p)
{
	json_t *lines = json_array(), *hosts = json_array();
	struct str rest = str_of(p->text), line, name;

	while (p->text[0] != '\0' && str_cut(&rest, '\n', &line)) {
		json_array_append_new(lines, text_of(line));
		if (p->type == TLS_POLICY_STS && str_cut(&line, ':', &name) && line.p != NULL &&
		    str_eq(str_trim(name), STR("mx")))
			json_array_append_new(hosts, text_of(str_trim(line)));
	}
	if (json_array_size(lines) > 0)
		json_object_set(o, "policy-string", lines);
	if (json_array_size(hosts) > 0)
		json_object_set(o, "mx-host", hosts);
	json_decref(lines);
	json_decref(hosts);
}

static json_t *policy_json(const struct tally_policy *p, bool details)
{
	json_t *what = json_pack("{s:s}", "policy-type", tls_policy_type_name(p->type));
	json_t *failures = json_array(), *o;

	set_strings(what, p);
	json_object_set_new(what, "policy-domain", text_of(str_of(p->domain)));
	o = json_pack("{s:o, s:{s:I, s:I}}", "policy", what, "summary",
	    "total-successful-session-count", (json_int_t)p->good, "total-failure-session-count",
	    (json_int_t)p->bad);
	for (uint32_t i = 0; details && i < p->nfailures; i++)
		json_array_append_new(failures, failure_json(&p->failures[i]));
	if (json_array_size(failures) > 0)
		json_object_set(o, "failure-details", failures);
	json_decref(failures);
	return o;
}

json_t *report_json(const struct tally *t, const struct reporter *who, int64_t now, bool details)
{
	char id[REPORT_ID_MAX + 1], begin[DATE_TEXT], end[DATE_TEXT];
	json_t *policies = json_array();

	report_id(t, who, id);
	date_format_utc(t->begin, begin);
	date_format_utc(t->end != 0 ? last_of(t) : now, end);
	for (uint32_t i = 0; i < t->npolicies; i++)
		json_array_append_new(policies, policy_json(&t->policies[i], details));
	return json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:o}", "organization-name",
	    who->organization, "date-range", "start-datetime", begin, "end-datetime", end,
	    "contact-info", who->contact, "report-id", id, "policies", policies);
}

/* --- compressed ------------------------------------------------------------------------------- */

static int compress_text(const char *text, struct buf *out)
{
	z_stream z = { .next_in = (const Bytef *)text, .avail_in = (uInt)strlen(text) };
	char *room = buf_room(out, REPORT_MAX);
	int rc;

	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP, MAX_MEM_LEVEL,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return -1;
	z.next_out = (Bytef *)room;
	z.avail_out = REPORT_MAX;
	rc = deflate(&z, Z_FINISH);
	deflateEnd(&z);
	if (rc != Z_STREAM_END)
		return -1;
	out->n += REPORT_MAX - z.avail_out;
	return 0;
}

static int gzip_with(
    const struct tally *t, const struct reporter *who, bool details, struct buf *out)
{
	json_t *o = report_json(t, who, t->end, details);
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	int r = text != NULL ? compress_text(text, out) : -1;

	free(text);
	json_decref(o);
	return r;
}

int report_gzip(const struct tally *t, const struct reporter *who, struct buf *out)
{
	buf_init(out, REPORT_MAX);
	return gzip_with(t, who, true, out) == 0 || gzip_with(t, who, false, out) == 0 ? 0 : -1;
}

/* --- by mail ---------------------------------------------------------------------------------- */

static void put_header(struct buf *b, const struct tally *t, const struct reporter *who,
    struct str to, const char *id, int64_t now)
{
	char date[DATE_TEXT];

	date_format(now, date);
	buf_printf(b, "From: <%s>\r\nTo: <%.*s>\r\nDate: %s\r\nMessage-ID: <%s>\r\n", who->sender,
	    STR_ARG(to), date, id);
	buf_printf(b,
	    "Subject: Report Domain: %s\r\n Submitter: %s\r\n Report-ID: <%s>\r\n"
	    "TLS-Report-Domain: %s\r\nTLS-Report-Submitter: %s\r\n",
	    t->domain, who->host, id, t->domain, who->host);
	buf_printf(b,
	    "TLS-Required: No\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; "
	    "report-type=tlsrpt;\r\n\tboundary=\"tls-%lld\"\r\n\r\n",
	    (long long)t->begin);
}

static void put_words(struct buf *b, const struct tally *t, const struct reporter *who)
{
	char begin[DATE_TEXT], end[DATE_TEXT];
	uint64_t good, bad;

	tally_sums(t, &good, &bad);
	date_format_utc(t->begin, begin);
	date_format_utc(last_of(t), end);
	buf_printf(b,
	    "--tls-%lld\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "This is a report of %s about TLS with the mail hosts of\r\n%s,\r\n"
	    "from %s to %s: %llu sessions were as they should be,\r\n%llu were not. "
	    "The details are in the second part (RFC 8460).\r\n\r\n",
	    (long long)t->begin, who->host, t->domain, begin, end, (unsigned long long)good,
	    (unsigned long long)bad);
}

static void put_report(
    struct buf *b, const struct tally *t, const struct reporter *who, struct str gzip)
{
	struct mime_encoder e;

	/* 5.1: who!about whom!from!to */
	buf_printf(b,
	    "--tls-%lld\r\nContent-Type: application/tlsrpt+gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
	    "\tfilename=\"%s!%s!%lld!%lld.json.gz\"\r\n\r\n",
	    (long long)t->begin, who->host, t->domain, (long long)t->begin, (long long)last_of(t));
	mime_encode_start(&e, MIME_BASE64);
	mime_encode(&e, gzip, b);
	mime_encode_finish(&e, b);
	buf_printf(b, "\r\n--tls-%lld--\r\n", (long long)t->begin);
}

int report_message(const struct tally *t, const struct reporter *who, struct str gzip,
    struct str to, int64_t now, struct buf *out)
{
	char id[REPORT_ID_MAX + 1];

	buf_init(out, MESSAGE_MAX);
	report_id(t, who, id);
	put_header(out, t, who, to, id, now);
	put_words(out, t, who);
	put_report(out, t, who, gzip);
	return out->full ? -1 : 0;
}
