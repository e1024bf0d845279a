/*
 * AUTH (RFC 4954): a login over SASL, which services/sasl speaks. Here are the lines and their
 * base64.
 *
 *	READY -> AUTH -> READY
 *
 * In the state AUTH, lines are messages of the mechanism. Secrets are wiped as soon as they have
 * been passed on.
 */
#include "login.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "command.h"
#include "input.h"
#include "limits.h"
#include "peers.h"
#include "proto/sasl.h"
#include "proto/types.h"

static struct sasl_names names;
static const char no_message[] = "that is no message of this mechanism";

int login_on_mechanisms(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct sasl_names fresh;

	(void)c;
	if (get_sasl_names(&g, &fresh) == -1)
		return -1;
	names = fresh;
	return 0;
}

/* Nobody else can read what the client says, or the administrator says that it does not matter. */
static bool secure(const struct session *s)
{
	return conn_tls(&s->conn) != NULL || (settings()->plaintext_here && ip_loopback(&s->peer));
}

void login_offer(const struct session *s, struct buf *out)
{
	uint8_t exporter[SASL_EXPORTER_BYTES];
	unsigned has = SASL_NEEDS_SECURE;
	size_t before;

	if (!session_is_submission(s) || s->login != NULL || !secure(s))
		return;
	if (conn_tls_exporter(&s->conn, exporter) == 0)
		has |= SASL_NEEDS_EXPORTER;
	if (secure_peer(&s->conn).n > 0)
		has |= SASL_NEEDS_CERTIFICATE;
	before = out->n;
	buf_z(out, "250-AUTH");
	sasl_names_print(&names, has, "", out);
	if (out->n == before + strlen("250-AUTH"))
		out->n = before;
	else
		buf_z(out, "\r\n");
}

/* --- the end of an exchange ------------------------------------------------------------------- */

void login_cancel(struct session *s)
{
	struct put w = put_start();

	free(s->proved);
	s->proved = NULL;
	if (!s->exchange)
		return;
	s->exchange = false;
	put_u64(&w, s->tag.trace);
	chan_send(peer(ROLE_SASL), SASL_CANCEL, &w, NULL, 0);
}

/* It came to nothing. */
static void refuse(struct session *s, int code, const char *enhanced, const char *text)
{
	login_cancel(s);
	if (s->state == S_AUTH)
		session_to(s, S_READY);
	session_refuse(s, code, enhanced, "%s", text);
}

static void say_wrong(void *arg)
{
	struct session *s = arg;

	session_answer(s);
	if (++s->wrong_logins >= LIMIT_WRONG_LOGINS)
		session_end(s, EV("too-many-logins"), 421, "4.7.0", "%s too many wrong logins",
		    settings()->hostname);
	else
		refuse(s, 535, "5.7.8", "wrong login or password");
	session_go_on(s);
}

/* However it was found wrong, and however fast: the answer takes the same time. */
static void wrong(struct session *s)
{
	uint64_t due = s->asked + settings()->failure_delay, now = loop_now();

	session_wait(s);
	timer_set(&s->delay, due > now ? due - now : 0, say_wrong, s);
}

static void malformed(struct session *s, const char *why)
{
	log_notice(&s->tag, EV("auth-malformed"), KZ("client", s->client), KZ("why", why));
	refuse(s, 501, "5.5.2", why);
}

static void accept_login(struct session *s, struct str login)
{
	s->login = str_dup(login);
	session_to(s, S_READY);
	session_say(s, STR("235 2.7.0 authentication successful\r\n"));
}

/* What the client says to the mechanism's last word: nothing. */
static void conclude(struct session *s, struct str message)
{
	if (message.n > 0)
		malformed(s, no_message);
	else
		accept_login(s, str_of(s->proved));
	free(s->proved);
	s->proved = NULL;
}

/* --- questions -------------------------------------------------------------------------------- */

static void challenge(struct session *s, struct str data)
{
	char text[BASE64_SIZE(SASL_MESSAGE_MAX)];

	session_say(s, STR("334 "));
	session_say(s, str_bytes(text, base64_encode(data, text)));
	session_say(s, STR("\r\n"));
}

static void act(struct session *s, const struct sasl_answer *a)
{
	switch ((enum sasl_verdict)a->verdict) {
	case SASL_CONTINUE:
		s->exchange = true;
		challenge(s, a->data);
		break;
	case SASL_OK:
		if (a->data.n == 0) {
			accept_login(s, a->login);
			break;
		}
		s->proved = str_dup(a->login);
		challenge(s, a->data);
		break;
	case SASL_REFUSED:
		wrong(s);
		break;
	case SASL_MALFORMED:
		malformed(s, no_message);
		break;
	default:
		refuse(s, a->status.code, a->status.enhanced, a->status.text);
	}
}

static void answered(struct ask *ask, struct ipc_msg *m)
{
	struct session *s = ask->arg;
	struct sasl_answer a = { 0 };
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || get_sasl_answer(&g, &a) == -1) {
		a = (struct sasl_answer){ .verdict = SASL_LATER };
		status_set(&a.status, 454, "4.7.0", "logins are not possible now, try again later");
	}
	session_answer(s);
	s->exchange = m == NULL; /* sasl may still be at it */
	act(s, &a);
	session_go_on(s);
}

static void ask_sasl(struct session *s, uint16_t type, struct put *w)
{
	s->asked = loop_now();
	s->exchange = true;
	session_wait(s);
	chan_ask(peer(ROLE_SASL), &s->ask, type, w, NULL, 0, SASL_DEADLINE, answered, s);
	explicit_bzero(w->p, w->n);
}

/* message NULL: the client waits for the first challenge. */
static void start(struct session *s, struct str mechanism, const struct str *message)
{
	uint8_t exporter[SASL_EXPORTER_BYTES];
	struct put w = put_start();
	struct sasl_start q = {
		.trace = s->tag.trace,
		.id = s->tag.trace,
		.client = str_of(s->client),
		.mechanism = str_take(mechanism, SASL_NAME_MAX), /* known ones are shorter */
		.has_initial = message != NULL,
		.initial = message != NULL ? *message : STR_NONE,
		.secure = true,
		.certificate = secure_peer(&s->conn),
	};

	if (conn_tls_exporter(&s->conn, exporter) == 0)
		q.exporter = str_bytes(exporter, sizeof exporter);
	session_to(s, S_AUTH);
	put_sasl_start(&w, &q);
	ask_sasl(s, SASL_START, &w);
}

static void more(struct session *s, struct str message)
{
	struct put w = put_start();

	put_sasl_more(&w, &(struct sasl_more){ .id = s->tag.trace, .data = message });
	ask_sasl(s, SASL_MORE, &w);
}

/* --- input ------------------------------------------------------------------------------------ */

/* Passes on what the client said: the first message of a mechanism, or, without one, the next. */
static void decode(struct session *s, struct str text, struct str mechanism)
{
	static char message[SASL_MESSAGE_MAX];
	ssize_t n = text.n > SASL_LINE_MAX ? -1 : base64_decode(text, message);

	if (n == -1)
		malformed(s, "that is not base64");
	else if (s->proved != NULL)
		conclude(s, str_bytes(message, (size_t)n));
	else if (mechanism.n > 0)
		start(s, mechanism, &(struct str){ message, (size_t)n });
	else
		more(s, str_bytes(message, (size_t)n));
	explicit_bzero(message, sizeof message);
}

void cmd_auth(struct session *s, struct str arg)
{
	struct str mechanism;

	if (s->login != NULL) {
		session_refuse(s, 503, "5.5.1", "you have logged in already");
	} else if (!s->esmtp) {
		session_refuse(s, 503, "5.5.1", "say EHLO first");
	} else if (!secure(s)) {
		session_refuse(s, 538, "5.7.11", "logins need an encrypted connection");
	} else if (!str_word(&arg, &mechanism)) {
		session_refuse(s, 501, "5.5.4", "say how you want to log in");
	} else if ((arg = str_trim(arg)).n == 0) {
		start(s, mechanism, NULL);
	} else if (str_eq(arg, STR("="))) {
		start(s, mechanism, &STR_NONE);
	} else {
		decode(s, arg, mechanism);
	}
}

void login_input(struct session *s, struct str *in)
{
	const size_t most = SASL_LINE_MAX + 2;
	ssize_t lf = str_find(str_take(*in, most), '\n');
	struct str line;

	if (lf == -1 && in->n < most)
		return;
	if (lf == -1) {
		s->skipping = most;
		*in = str_skip(*in, most);
		refuse(s, 500, "5.5.6", "the line is too long");
		return;
	}
	line = str_take(*in, (size_t)lf);
	*in = str_skip(*in, (size_t)lf + 1);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (session_unsynchronised(s, *in))
		session_end(s, EV("unsynchronised"), 554, "5.5.0",
		    "%s you have to wait for the reply to this line", settings()->hostname);
	else if (str_eq(line, STR("*")))
		refuse(s, 501, "5.7.0", "cancelled");
	else
		decode(s, line, STR_NONE);
}
