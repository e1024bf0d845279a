/* What servers say that they can do and cannot. See quirk.h. */
#include "proto/quirk.h"

static const char *const names[QUIRK_KINDS] = { [QUIRK_PIPELINING] = "pipelining",
	[QUIRK_CHUNKING] = "chunking",
	[QUIRK_STARTTLS] = "starttls",
	[QUIRK_8BITMIME] = "8bitmime",
	[QUIRK_SMTPUTF8] = "smtputf8",
	[QUIRK_SIZE] = "size",
	[QUIRK_DSN] = "dsn" };

const char *quirk_name(uint8_t kind)
{
	return kind < QUIRK_KINDS ? names[kind] : "?";
}

int quirk_kind(struct str name)
{
	for (int k = 0; k < QUIRK_KINDS; k++)
		if (str_caseeq(name, str_of(names[k])))
			return k;
	return -1;
}

bool quirk_host_valid(struct str host)
{
	for (size_t i = 0; i < host.n; i++)
		if (host.p[i] <= ' ' || host.p[i] > '~')
			return false;
	return host.n > 0 && host.n <= QUIRK_HOST_MAX;
}

void put_quirk(struct put *w, const struct quirk *q)
{
	put_str(w, q->host);
	put_u8(w, q->kind);
	put_u8(w, q->on);
	put_str(w, str_take(q->reason, QUIRK_REASON_MAX));
}

int get_quirk(struct get *g, struct quirk *q)
{
	q->host = get_line(g, QUIRK_HOST_MAX);
	q->kind = get_u8(g);
	q->on = get_bool(g);
	q->reason = get_line(g, QUIRK_REASON_MAX);
	if (q->kind >= QUIRK_KINDS || !quirk_host_valid(q->host))
		g->bad = true;
	return get_end(g);
}
