/* What another host has said. See said.h. */
#include "mail/said.h"

#include <stdio.h>

#define REPLY_BEGIN "said: "
#define REPLY_END   "(in reply to "

void said_reply(
    struct status *st, int code, const char *enhanced, const char *reply, const char *command)
{
	char usual[8]; /* RFC 3463: of the class, when the host gave none */
	bool given = enhanced[0] != '\0';

	snprintf(usual, sizeof usual, "%c.0.0", (char)('0' + code / 100));
	status_set(st, code, given ? enhanced : usual, REPLY_BEGIN "%d %s%s%s " REPLY_END "%s)",
	    code, enhanced, given ? " " : "", reply, command);
}

bool said_is_reply(struct str text, struct str *reply)
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

struct str said_why(struct str relay, struct str text, char out[SAID_WHY_MAX])
{
	ssize_t port = str_rfind(relay, ':');
	struct str reply;

	if (relay.n == 0 || !said_is_reply(text, &reply))
		return text;
	if (port > 0 && relay.p[port - 1] == ']')
		relay = str_take(relay, (size_t)port);
	snprintf(out, SAID_WHY_MAX, "host %.*s %.*s", STR_ARG(relay), STR_ARG(text));
	return str_of(out);
}
