/* MAIL and RCPT. See command.h. */
#include "command.h"

#include "mail/utf8.h"
#include "mail/xtext.h"

/* The queue checks addresses; this is the last wall before a line that another host executes. */
static bool harmless(struct str addr)
{
	for (size_t i = 0; i < addr.n; i++) {
		unsigned char c = (unsigned char)addr.p[i];

		if (c < ' ' || c == 0x7f)
			return false;
	}
	return addr.n <= ADDRESS_MAX;
}

static void put_xtext(struct buf *b, const char *name, struct str value)
{
	buf_z(b, name);
	xtext_encode(b, value);
}

int command_mail(
    struct buf *b, const struct deliver_job *j, const struct caps *c, const struct mail_needs *n)
{
	if (!harmless(j->sender))
		return -1;
	buf_printf(b, "MAIL FROM:<%.*s>", STR_ARG(j->sender));
	if (c->size && n->size > 0)
		buf_printf(b, " SIZE=%llu", (unsigned long long)n->size);
	if (n->eightbit && c->eightbit)
		buf_z(b, " BODY=8BITMIME");
	if (n->utf8 && c->utf8)
		buf_z(b, " SMTPUTF8");
	if (c->dsn && j->ret != RET_UNSET)
		buf_z(b, j->ret == RET_FULL ? " RET=FULL" : " RET=HDRS");
	if (c->dsn && j->envid.n > 0)
		put_xtext(b, " ENVID=", j->envid);
	if (n->auth) /* RFC 4954 5: nobody in particular, for all we know */
		buf_z(b, " AUTH=<>");
	if (n->requiretls && c->requiretls)
		buf_z(b, " REQUIRETLS");
	buf_z(b, "\r\n");
	return b->full ? -1 : 0;
}

static void put_notify(struct buf *b, uint8_t notify)
{
	static const struct {
		uint8_t bit;
		const char *word;
	} words[] = {
		{ NOTIFY_NEVER, "NEVER" },
		{ NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		buf_z(b, before);
		buf_z(b, words[i].word);
		before = ",";
	}
}

/* RFC 3461 4.2: the type, and the address as xtext; RFC 6533 3 for one that is not ASCII. */
static void put_orcpt(struct buf *b, struct str orcpt, bool utf8)
{
	ssize_t at = str_find(orcpt, ';');

	if (at <= 0 || (!utf8 && !str_is_ascii(orcpt)))
		return;
	for (ssize_t i = 0; i < at; i++)
		if (!ascii_alpha(orcpt.p[i]) && !ascii_digit(orcpt.p[i]) && orcpt.p[i] != '-')
			return;
	buf_z(b, " ORCPT=");
	buf_str(b, str_take(orcpt, (size_t)at + 1));
	xtext_encode(b, str_skip(orcpt, (size_t)at + 1));
}

int command_rcpt(struct buf *b, const struct deliver_rcpt *r, const struct caps *c)
{
	if (!harmless(r->addr))
		return -1;
	buf_printf(b, "RCPT TO:<%.*s>", STR_ARG(r->addr));
	if (c->dsn) {
		put_notify(b, r->notify);
		put_orcpt(b, r->orcpt, c->utf8);
	}
	buf_z(b, "\r\n");
	return b->full ? -1 : 0;
}
