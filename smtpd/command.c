/* Lines into verbs into handlers. See command.h. */
#include "command.h"

#include "input.h"
#include "limits.h"

enum command_flags {
	LAST = 1, /* RFC 2920 3.1: nothing may stand behind it unread */
	IDLE = 2, /* moves nothing; too many of them are errors */
	ONLY_SMTP = 4,
	ONLY_LMTP = 8,
	ONLY_SUBMISSION = 32,
	FREE = 16, /* what stands behind it is content, or does not matter any more */
	PLAIN = 64, /* may be said before STARTTLS where that is required (RFC 3207 4) */
};

enum {
	ANY = S_START | S_READY | S_MAIL | S_RCPT | S_CHUNKED,
	GREETED = S_READY | S_MAIL | S_RCPT | S_CHUNKED,
};

struct command {
	struct str verb;
	unsigned states;
	void (*fn)(struct session *s, struct str arg);
	unsigned flags;
	const char *otherwise; /* what to say in other states */
};

static const struct command commands[] = {
	{ STR("RCPT"), S_MAIL | S_RCPT, cmd_rcpt, 0, "send MAIL first" },
	{ STR("MAIL"), S_READY, cmd_mail, 0, "a transaction is under way already" },
	{ STR("DATA"), S_RCPT, cmd_data, LAST, "no recipient was accepted" },
	{ STR("BDAT"), ANY, cmd_bdat, FREE | PLAIN,
	    "" }, /* its bytes have to be skipped in any state */
	{ STR("RSET"), ANY, cmd_rset, IDLE | PLAIN, "" },
	{ STR("QUIT"), ANY, cmd_quit, FREE | PLAIN, "" },
	{ STR("EHLO"), ANY, cmd_ehlo, LAST | IDLE | ONLY_SMTP | PLAIN, "" },
	{ STR("HELO"), ANY, cmd_helo, LAST | IDLE | ONLY_SMTP | PLAIN, "" },
	{ STR("LHLO"), ANY, cmd_ehlo, LAST | IDLE | ONLY_LMTP | PLAIN, "" },
	{ STR("STARTTLS"), S_START | S_READY, cmd_starttls, LAST | PLAIN,
	    "not during a transaction" },
	{ STR("NOOP"), ANY, cmd_noop, IDLE | PLAIN, "" },
	{ STR("VRFY"), ANY, cmd_vrfy, IDLE | LAST, "" },
	{ STR("EXPN"), ANY, cmd_expn, IDLE | LAST, "" },
	{ STR("HELP"), ANY, cmd_help, IDLE | PLAIN, "" },
	{ STR("AUTH"), S_START | S_READY, cmd_auth, LAST | ONLY_SUBMISSION,
	    "not during a transaction" },
	{ STR("XCLIENT"), S_START | S_READY, cmd_xclient, LAST, "not during a transaction" },
};

/* Verbs of a browser that was made to talk to us, and of TLS without STARTTLS. */
static bool is_foreign(struct str verb)
{
	static const struct str verbs[] = { STR("GET"), STR("POST"), STR("PUT"), STR("HEAD"),
		STR("OPTIONS"), STR("CONNECT"), STR("DELETE"), STR("TRACE"), STR("PATCH"),
		STR("PRI"), STR("HOST:"), STR("USER-AGENT:"), STR("CONTENT-TYPE:"),
		STR("CONTENT-LENGTH:") };

	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (str_caseeq(verb, verbs[i]))
			return true;
	}
	return verb.n >= 2 && verb.p[0] == 0x16 && verb.p[1] == 0x03;
}

static const struct command *find(struct str verb)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (str_caseeq(verb, commands[i].verb))
			return &commands[i];
	}
	return NULL;
}

static bool has_controls(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127)
			return true;
	}
	return false;
}

/* Why this command cannot be obeyed, whatever its argument says. True if it was answered. */
static bool refused(struct session *s, const struct command *c, struct str behind)
{
	unsigned flags = c->flags;

	if (((flags & ONLY_SMTP) != 0 && session_is_lmtp(s)) ||
	    ((flags & ONLY_LMTP) != 0 && !session_is_lmtp(s))) {
		session_refuse(
		    s, 500, "5.5.1", "%s is spoken here", session_is_lmtp(s) ? "LMTP" : "SMTP");
		return true;
	}
	if ((flags & ONLY_SUBMISSION) != 0 && !session_is_submission(s)) {
		session_refuse(s, 502, "5.5.1", "nobody logs in here");
		return true;
	}
	if ((flags & PLAIN) == 0 && session_needs_tls(s)) {
		session_refuse(s, 530, "5.7.0", "say STARTTLS first");
		return true;
	}
	if ((s->state & c->states) == 0) {
		session_refuse(s, 503, "5.5.1", "%s",
		    (s->state & GREETED) == 0 ? "say who you are first, with EHLO or HELO"
					      : c->otherwise);
		return true;
	}
	/* who has not seen the EHLO reply cannot know of PIPELINING */
	if (((flags & LAST) != 0 || (!s->esmtp && (flags & FREE) == 0)) &&
	    session_unsynchronised(s, behind)) {
		session_end(s, EV("unsynchronised"), 554, "5.5.0",
		    "%s you have to wait for the reply to this command", settings()->hostname);
		return true;
	}
	if ((flags & IDLE) != 0 && ++s->idle_commands > LIMIT_IDLE_COMMANDS) {
		session_refuse(s, 450, "4.7.1", "too many commands without a message");
		return true;
	}
	return false;
}

static void run(struct session *s, struct str line, struct str behind)
{
	struct str rest = line, verb;
	const struct command *c;

	str_word(&rest, &verb);
	c = find(verb);
	if (c == NULL && is_foreign(verb)) {
		session_end(s, EV("not-smtp"), 554, "5.5.1", "%s this is a mail server",
		    settings()->hostname);
		return;
	}
	if (c == NULL) {
		session_refuse(s, 500, "5.5.2", "command not recognised");
		return;
	}
	if (has_controls(rest)) {
		session_refuse(s, 501, "5.5.4", "control characters in the command");
		return;
	}
	if (!refused(s, c, behind))
		c->fn(s, str_trim(rest));
}

/* The rest of a line that is too long; what is said in it is never looked at. */
static void skip_line(struct session *s, struct str *in)
{
	ssize_t lf = str_find(*in, '\n');
	size_t n = lf == -1 ? in->n : (size_t)lf + 1;

	s->skipping += n;
	*in = str_skip(*in, n);
	if (lf != -1)
		s->skipping = 0;
	else if (s->skipping > LIMIT_SKIP)
		session_end(
		    s, EV("endless-line"), 421, "4.7.0", "%s line too long", settings()->hostname);
}

void command_input(struct session *s, struct str *in)
{
	bool auth = session_is_submission(s) && str_casestarts(*in, STR("AUTH "));
	size_t most = auth ? LIMIT_AUTH_LINE : LIMIT_LINE;
	struct str line;
	ssize_t lf;

	if (s->state == S_CONNECT) {
		session_end(s, EV("early-talker"), 554, "5.5.0",
		    "%s you have to wait for the greeting", settings()->hostname);
		return;
	}
	if (s->skipping > 0) {
		skip_line(s, in);
		return;
	}
	lf = str_find(str_take(*in, most), '\n');
	if (lf == -1 && in->n < most)
		return;
	if (lf == -1) {
		s->skipping = 1;
		session_refuse(s, 500, auth ? "5.5.6" : "5.5.2",
		    "line too long, the limit is %zu bytes", most);
		if (s->state != S_CLOSE)
			skip_line(s, in);
		return;
	}
	line = str_take(*in, (size_t)lf);
	*in = str_skip(*in, (size_t)lf + 1);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	run(s, line, *in);
}
