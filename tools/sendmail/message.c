/* The header of a message on its way out. See message.h. */
#include "message.h"

#include "mail/header.h"
#include "mail/utf8.h"

/* Fields that hold recipients, or that do not leave this host. */
static const struct field {
	struct str name;
	bool recipients, resent, drop;
} fields[] = {
	{ STR("To"), .recipients = true },
	{ STR("Cc"), .recipients = true },
	{ STR("Bcc"), .recipients = true, .drop = true },
	{ STR("Resent-To"), .recipients = true, .resent = true },
	{ STR("Resent-Cc"), .recipients = true, .resent = true },
	{ STR("Resent-Bcc"), .recipients = true, .resent = true, .drop = true },
	{ STR("Return-Path"), .drop = true },
};

struct reader {
	struct message *m;
	struct request *r;
	struct header_scan scan;
	const struct field *field; /* of the field at hand; NULL = an ordinary one */
	struct buf value; /* of a field with recipients */
	/* RFC 5322 3.6.6: a message that is sent on goes to those it is sent on to */
	struct buf lists[2];
	bool resent;
};

static const struct field *field_find(struct str name)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (str_caseeq(name, fields[i].name))
			return &fields[i];
	return NULL;
}

/* The value of a finished field goes to its list, separated from the next. */
static void end_field(struct reader *d)
{
	if (d->field == NULL || !d->field->recipients || d->value.n == 0)
		return;
	buf_str(&d->lists[d->field->resent], buf_view(&d->value));
	buf_char(&d->lists[d->field->resent], ',');
	buf_reset(&d->value);
}

static void begin_field(struct reader *d)
{
	end_field(d);
	d->field = field_find(d->scan.name);
	if (d->field == NULL || !d->field->drop)
		buf_str(&d->m->header, d->scan.raw);
	if (str_caseeq(d->scan.name, STR("From")))
		d->m->from = true;
	if (str_casestarts(d->scan.name, STR("Resent-")))
		d->resent = true;
}

static void take_value(struct reader *d)
{
	if (d->field == NULL || !d->field->drop)
		buf_str(&d->m->header, d->scan.piece);
	if (d->r->extract && d->field != NULL && d->field->recipients)
		buf_str(&d->value, d->scan.piece);
}

static struct str read_header(struct reader *d, struct str text)
{
	struct str in = text, left;
	enum header_piece p;

	header_start(&d->scan);
	while ((p = header_next(&d->scan, &in)) != HEADER_MORE && p != HEADER_BODY) {
		if (p == HEADER_FIELD)
			begin_field(d);
		else
			take_value(d);
	}
	end_field(d);
	left = p == HEADER_BODY ? d->scan.raw : header_rest(&d->scan);
	/* what was read of the body belongs to it: it ends where `in` begins */
	return str_bytes(in.p - left.n, in.n + left.n);
}

int message_read(struct message *m, struct request *r, struct str text)
{
	struct reader d = { .m = m, .r = r };
	int status = EX_OK;

	*m = (struct message){ 0 };
	buf_init(&m->header, HEADER_MAX);
	buf_init(&d.value, HEADER_MAX);
	buf_init(&d.lists[0], HEADER_MAX);
	buf_init(&d.lists[1], HEADER_MAX);
	m->body = read_header(&d, text);
	if (m->header.full || d.value.full || d.lists[0].full || d.lists[1].full)
		status = complain(EX_DATAERR, "the header is larger than %d bytes", HEADER_MAX);
	else if (r->extract)
		status = recipients_add_list(r, buf_view(&d.lists[d.resent]));
	m->utf8 = !str_is_ascii(buf_view(&m->header));
	m->eightbit = m->utf8 || !str_is_ascii(m->body);
	buf_clear(&d.value);
	buf_clear(&d.lists[0]);
	buf_clear(&d.lists[1]);
	return status;
}

void message_clear(struct message *m)
{
	buf_clear(&m->header);
}

/* RFC 5322 3.2.4: what is no atom is quoted; nothing in a name can end the line. */
static void put_name(struct buf *b, struct str name)
{
	buf_char(b, '"');
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c < ' ' || c == 127)
			continue;
		if (c == '"' || c == '\\')
			buf_char(b, '\\');
		buf_char(b, (char)c);
	}
	buf_z(b, "\" ");
}

void message_add_from(struct message *m, const char *full_name, struct str address)
{
	struct buf old = m->header;

	buf_init(&m->header, HEADER_MAX + 64 * 1024);
	buf_z(&m->header, "From: ");
	put_name(&m->header, str_take(str_of(full_name), 1000));
	buf_printf(&m->header, "<%.*s>\n", STR_ARG(address));
	buf_str(&m->header, buf_view(&old));
	buf_clear(&old);
	m->from = true;
}
