/* Tagged answers. See session.h. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void reply(struct session *s, const char *status, const char *text)
{
	buf_str(&s->out, s->tag);
	buf_printf(&s->out, " %s %s\r\n", status, text);
}

void reply_ok(struct session *s, const char *text)
{
	s->bad = 0;
	reply(s, "OK", text);
}

void reply_no(struct session *s, const char *text)
{
	s->bad = 0;
	reply(s, "NO", text);
}

void reply_bad(struct session *s, const char *text)
{
	reply(s, "BAD", text);
	if (++s->bad >= LIMIT_BAD && s->end == END_NONE)
		s->end = END_REFUSED;
}

void reply_parse(struct session *s, const struct parse *p)
{
	reply_bad(s, p->error != NULL ? p->error : "syntax error");
}

/* RFC 5530 codes */
static const char *const codes[STORE_ERRORS] = {
	[STORE_NONAME] = "[CANNOT]",
	[STORE_NOTFOUND] = "[NONEXISTENT]",
	[STORE_EXISTS] = "[ALREADYEXISTS]",
	[STORE_NOSELECT] = "[CANNOT]",
	[STORE_INUSE] = "[CANNOT]",
	[STORE_GONE] = "[EXPUNGEISSUED]",
	[STORE_UNREADABLE] = "[SERVERBUG]",
	[STORE_TOOBIG] = "[TOOBIG]",
	[STORE_LIMIT] = "[LIMIT]",
	[STORE_OVERQUOTA] = "[OVERQUOTA]",
	[STORE_NOSPACE] = "[UNAVAILABLE]",
	[STORE_IO] = "[UNAVAILABLE]",
};

void reply_store(struct session *s, enum store_error e, const char *missing_code)
{
	const char *code = codes[e] != NULL ? codes[e] : "[SERVERBUG]";
	char text[200];

	if (e == STORE_IO || e == STORE_NOSPACE)
		log_error(&s->log, EV("store-failed"), KERRNO, KZ("what", store_strerror(e)));
	if (e == STORE_NOTFOUND && missing_code != NULL)
		code = missing_code;
	snprintf(text, sizeof text, "%s %s", code, store_strerror(e));
	reply_no(s, text);
}
