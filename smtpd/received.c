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

static void put_client(struct buf *b, const struct envelope *e)
{
	bool six = str_find(e->client, ':') != -1;

	if (str_eq(e->client, STR("local")))
		buf_printf(b, "(local, %.*s)", STR_ARG(e->login));
	else
		buf_printf(b, "([%s%.*s])", six ? "IPv6:" : "", STR_ARG(e->client));
}

static void put_from(struct buf *b, const struct envelope *e)
{
	buf_z(b, "from ");
	put_helo(b, e->helo);
	buf_char(b, ' ');
	put_client(b, e);
	buf_z(b, "\r\n\t");
}

void received_field(struct buf *b, const struct envelope *e, const char *host, uint64_t queue_id,
    const struct tls_facts *tls, bool hidden)
{
	char id[ID_TEXT + 1], trace[ID_TEXT + 1], date[DATE_TEXT];

	id_format(queue_id, id);
	id_format(e->trace, trace);
	date_format(e->arrival / 1000000, date);
	buf_z(b, "Received: ");
	if (!hidden)
		put_from(b, e);
	buf_printf(b, "by %s (Thurn, trace %s)\r\n\twith %.*s id %s", host, trace,
	    STR_ARG(e->protocol), id);
	if (e->nrcpts == 1)
		buf_printf(b, "\r\n\tfor <%.*s>", STR_ARG(e->rcpts[0].addr));
	if (tls != NULL)
		buf_printf(b, "\r\n\ttls %s (%s, %s)", tls->cipher, tls->version, tls->group);
	buf_printf(b, ";\r\n\t%s\r\n", date);
}
