/* The trace field. See received.h. */
#include "received.h"

#include "base/id.h"
#include "mail/date.h"
#include "net/tls.h"

/* What the client calls itself, without what could end the field or open a comment. */
static void put_helo(struct buf *b, struct str helo)
{
	for (size_t i = 0; i < helo.n; i++) {
		char c = helo.p[i];
		bool plain = ascii_alpha(c) || ascii_digit(c) || c == '.' || c == '-' || c == '_' ||
			     c == ':' || c == '[' || c == ']';

		buf_char(b, plain ? c : '?');
	}
}

static void put_client(struct buf *b, const struct envelope *e, const char *name)
{
	bool six = str_find(e->client, ':') != -1;

	if (str_eq(e->client, STR("local")))
		buf_printf(b, "(local, %.*s)", STR_ARG(e->login));
	else
		buf_printf(b, "(%s%s[%s%.*s])", name == NULL ? "" : name, name == NULL ? "" : " ",
		    six ? "IPv6:" : "", STR_ARG(e->client));
}

static void put_from(struct buf *b, const struct envelope *e, const char *name)
{
	buf_z(b, "from ");
	put_helo(b, e->helo);
	buf_char(b, ' ');
	put_client(b, e, name);
	buf_z(b, "\r\n\t");
}

void received_field(struct buf *b, const struct envelope *e, const struct received *r)
{
	const struct tls_facts *tls = r->tls;
	char id[ID_TEXT + 1], trace[ID_TEXT + 1], date[DATE_TEXT];

	id_format(r->queue_id, id);
	id_format(e->trace, trace);
	date_format(e->arrival / 1000000, date);
	buf_z(b, "Received: ");
	if (!r->hidden)
		put_from(b, e, r->name);
	buf_printf(b, "by %s (Thurn, trace %s)\r\n\twith %.*s id %s", r->host, trace,
	    STR_ARG(e->protocol), id);
	if (e->nrcpts == 1)
		buf_printf(b, "\r\n\tfor <%.*s>", STR_ARG(e->rcpts[0].addr));
	if (tls != NULL)
		buf_printf(b, "\r\n\ttls %s (%s, %s)", tls->cipher, tls->version, tls->group);
	buf_printf(b, ";\r\n\t%s\r\n", date);
}
