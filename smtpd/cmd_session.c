/* The commands that are not about a message. */
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "command.h"
#include "limits.h"
#include "login.h"
#include "mail/date.h"
#include "welcome.h"
#include "xclient.h"

/*
 * RFC 5321 4.1.4 forbids to refuse mail for a name that is merely wrong; what cannot be kept and
 * shown as it is, is no name.
 */
static bool hello_valid(struct str name)
{
	if (name.n == 0 || name.n > LIMIT_HELO)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	}
	return true;
}

static bool hello(struct session *s, struct str name, bool esmtp)
{
	if (!hello_valid(name)) {
		session_refuse(s, 501, "5.5.4", "say your domain or address behind the command");
		return false;
	}
	session_hello(s, name, esmtp);
	return true;
}

void cmd_helo(struct session *s, struct str arg)
{
	if (hello(s, arg, false))
		session_reply(s, 250, "", "%s", settings()->hostname);
}

/* RFC 4865 3: the longest interval, and the time that it ends now. */
static void offer_release(const struct session *s, struct buf *out)
{
	int64_t most = (int64_t)(settings()->hold_limit / 1000);
	char until[DATE_TEXT];

	if (!session_is_submission(s) || most == 0)
		return;
	date_format_utc(time(NULL) + most, until);
	buf_printf(out, "250-FUTURERELEASE %lld %s\r\n", (long long)most, until);
}

void cmd_ehlo(struct session *s, struct str arg)
{
	static struct buf own = { .max = 1024 }; /* what this session alone may use */
	const struct settings *set = settings();

	if (!hello(s, arg, true))
		return;
	buf_reset(&own);
	login_offer(s, &own);
	offer_release(s, &own);
	conn_printf(&s->conn, "250-%s\r\n", set->hostname);
	if (session_offers_tls(s))
		session_say(s, STR("250-STARTTLS\r\n"));
	if (networks_match(&set->xclient, &s->peer))
		session_say(s, STR("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN\r\n"));
	if (session_requires_tls(s))
		session_say(s, STR("250-REQUIRETLS\r\n"));
	session_say(s, buf_view(&own));
	session_say(s, session_offer(s)->capabilities);
}

void cmd_rset(struct session *s, struct str arg)
{
	if (arg.n > 0) {
		session_refuse(s, 501, "5.5.4", "RSET takes no argument");
		return;
	}
	session_clear_transaction(s);
	if (s->state != S_START)
		session_to(s, S_READY);
	session_say(s, STR("250 2.0.0 Ok\r\n"));
}

void cmd_noop(struct session *s, struct str arg)
{
	(void)arg;
	session_say(s, STR("250 2.0.0 Ok\r\n"));
}

/* Whether a mailbox exists is told at RCPT, where it is counted. */
void cmd_vrfy(struct session *s, struct str arg)
{
	if (arg.n == 0)
		session_refuse(s, 501, "5.5.4", "say whom to verify");
	else
		session_say(s, STR("252 2.5.0 send mail to find out\r\n"));
}

void cmd_expn(struct session *s, struct str arg)
{
	(void)arg;
	session_refuse(s, 502, "5.5.1", "lists are not expanded");
}

void cmd_help(struct session *s, struct str arg)
{
	(void)arg;
	session_say(s, STR("214 2.0.0 RFC 5321\r\n"));
}

void cmd_quit(struct session *s, struct str arg)
{
	(void)arg;
	session_reply(s, 221, "2.0.0", "%s closing", settings()->hostname);
	session_clear_transaction(s);
	session_to(s, S_CLOSE);
	conn_deadline(&s->conn, TIME_GOODBYE);
	conn_finish(&s->conn);
}

/* Nothing of whoever was here before stays: a login that is not named is none. */
static void become(struct session *s, const struct xclient *x)
{
	if (x->ip.family != 0)
		s->ip = x->ip;
	free(s->helo);
	free(s->login);
	s->helo = x->helo[0] == '\0' ? NULL : xstrdup(x->helo);
	s->login = x->login[0] == '\0' ? NULL : xstrdup(x->login);
	s->errors = s->idle_commands = s->messages = 0;
	s->esmtp = false;
}

/* Everything begins anew, in the name of somebody else. */
void cmd_xclient(struct session *s, struct str arg)
{
	struct xclient x;
	const char *why;

	if (s->service == SERVICE_LOCAL || !networks_match(&settings()->xclient, &s->peer)) {
		session_refuse(s, 550, "5.7.0", "XCLIENT is not for you");
		return;
	}
	if (xclient_parse(arg, &x, &why) == -1) {
		session_refuse(s, 501, "5.5.4", "%s", why);
		return;
	}
	become(s, &x);
	welcome_admit(s);
}

/*
 * RFC 3207. The client knows nothing of us afterwards, and we nothing of it. What it has sent behind the
 * command was refused together with it; nothing of that is ever read as if it had come encrypted.
 */
void cmd_starttls(struct session *s, struct str arg)
{
	if (arg.n > 0) {
		session_refuse(s, 501, "5.5.4", "STARTTLS takes no argument");
	} else if (session_secure(s)) {
		session_refuse(s, 503, "5.5.1", "TLS is active already");
	} else if (s->secure == NULL || secure_mode(s->secure) == SECURE_OFF) {
		session_refuse(s, 502, "5.5.1", "TLS is not offered here");
	} else if (!session_offers_tls(s)) {
		session_refuse(s, 454, "4.7.0", "TLS is not available now, try again later");
	} else {
		session_say(s, STR("220 2.0.0 Ready to start TLS\r\n"));
		session_clear_transaction(s);
		free(s->helo);
		free(s->login);
		s->helo = s->login = NULL;
		s->esmtp = false;
		session_to(s, S_TLS);
	}
}
