/* The outcome of something at mail level. See status.h. */
#include "mail/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CODE_MIN = 200, CODE_MAX = 599 };

#define REPLY_BEGIN "said: "
#define REPLY_END   "(in reply to "

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	}
	return true;
}

/* What a peer said may be quoted in a text; it must not become a second line or a control code. */
static void make_printable(char *z)
{
	for (; *z != '\0'; z++) {
		if (*z < ' ' || *z > '~')
			*z = '?';
	}
}

int status_set(struct status *st, int code, const char *enhanced, const char *fmt, ...)
{
	va_list ap;

	st->code = code;
	snprintf(st->enhanced, sizeof st->enhanced, "%s", enhanced == NULL ? "" : enhanced);
	va_start(ap, fmt);
	if (vsnprintf(st->text, sizeof st->text, fmt, ap) < 0)
		st->text[0] = '\0';
	va_end(ap);
	make_printable(st->enhanced);
	make_printable(st->text);
	return -1;
}

void status_replied(
    struct status *st, int code, const char *enhanced, const char *reply, const char *command)
{
	char usual[8]; /* RFC 3463: of the class, when the host gave none */
	bool given = enhanced[0] != '\0';

	snprintf(usual, sizeof usual, "%c.0.0", (char)('0' + code / 100));
	status_set(st, code, given ? enhanced : usual, REPLY_BEGIN "%d %s%s%s " REPLY_END "%s)",
	    code, enhanced, given ? " " : "", reply, command);
}

bool status_is_reply(struct str text, struct str *reply)
{
	ssize_t end;

	if (!str_starts(text, STR(REPLY_BEGIN)))
		return false;
	*reply = str_skip(text, sizeof REPLY_BEGIN - 1);
	end = str_rfind(*reply, '('); /* ours is the last one */
	if (end > 0 && str_starts(str_skip(*reply, (size_t)end), STR(REPLY_END)))
		*reply = str_trim(str_take(*reply, (size_t)end));
	return true;
}

struct str status_reason(struct str relay, struct str text, char out[STATUS_REASON_MAX])
{
	ssize_t port = str_rfind(relay, ':');
	struct str reply;

	if (relay.n == 0 || !status_is_reply(text, &reply))
		return text;
	if (port > 0 && relay.p[port - 1] == ']')
		relay = str_take(relay, (size_t)port);
	snprintf(out, STATUS_REASON_MAX, "host %.*s %.*s", STR_ARG(relay), STR_ARG(text));
	return str_of(out);
}

void put_status(struct put *w, const struct status *st)
{
	put_u16(w, (uint16_t)st->code);
	put_z(w, st->enhanced);
	put_z(w, st->text);
}

void get_status(struct get *g, struct status *st)
{
	struct str enhanced, text;

	*st = (struct status){ .code = get_u16(g) };
	enhanced = get_str(g, sizeof st->enhanced - 1);
	text = get_str(g, sizeof st->text - 1);
	if ((st->code != 0 && (st->code < CODE_MIN || st->code > CODE_MAX)) ||
	    !printable(enhanced) || !printable(text))
		g->bad = true;
	if (g->bad || str_copy(enhanced, st->enhanced, sizeof st->enhanced) == -1 ||
	    str_copy(text, st->text, sizeof st->text) == -1) {
		g->bad = true;
		*st = (struct status){ 0 };
	}
}
