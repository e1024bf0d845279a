/* Logging in at a server. See auth.h. */
#include "auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/log.h"
#include "limits.h"
#include "proto/refused.h"
#include "sasl.h"
#include "settings.h"

/* RFC 4954 4: an AUTH command is a command line; what does not fit is asked for. */
enum { COMMAND_LINE_MAX = 512 };

struct login {
	enum login_mechanism mechanism;
	unsigned tried; /* bits of those that the server did not want after all */
	struct sasl *sasl;
	bool held; /* the first message waits for the server's empty challenge */
	bool fresh; /* the token was fetched because the one before was refused */
	unsigned rounds;
	struct ask ask; /* for that */
	struct buf message; /* that is about to be sent */
	size_t n;
	char challenge[REPLY_LINE_MAX];
};

bool auth_plain_allowed(const struct ip *ip)
{
	return settings()->auth_plain_loopback && ip_loopback(ip);
}

static void forget_message(struct login *l)
{
	if (l->message.p != NULL)
		explicit_bzero(l->message.p, l->message.cap);
	buf_reset(&l->message);
}

void auth_clear(struct session *s)
{
	struct login *l = s->login;

	if (l == NULL)
		return;
	ask_cancel(&l->ask);
	sasl_free(l->sasl);
	forget_message(l);
	buf_clear(&l->message);
	explicit_bzero(l, sizeof *l);
	free(l);
	s->login = NULL;
}

/* --- ends ------------------------------------------------------------------------------------- */

static const struct credential *credential_of(const struct session *s)
{
	return s->hop->credential;
}

/* This host cannot be used, or it lies; another one may do better. */
static void give_up(struct session *s, const char *enhanced, const char *why)
{
	struct status st;

	status_set(&st, 451, enhanced, "cannot log in as %s at %s: %s", credential_of(s)->user,
	    s->relay, why);
	session_fail(s, &st);
}

/* The login is wrong, at whatever address: who goes on trying gets locked out. */
static void refuse(struct session *s, const struct reply *r)
{
	const struct credential *c = credential_of(s);
	uint64_t ms = settings()->auth_refused;
	struct status st;

	status_set(&st, 451, "4.7.8", "login as %s was refused by %s: %d %s%s%s", c->user, s->relay,
	    r->code, r->enhanced, r->enhanced[0] != '\0' ? " " : "", r->text);
	log_warning(NULL, EV("remote-login-refused"), KZ("relay", s->relay), KZ("user", c->user),
	    KZ("mechanism", login_mechanism_name(s->login->mechanism)), KZ("rule", c->rule),
	    KI("code", r->code), KZ("text", r->text), KI("again_s", ms / 1000));
	refused_note(c->id, s->hop->way.nexthop, &st, loop_now() + ms);
	credential_refused(c, s->hop->way.nexthop, &st);
	s->decided = true;
	session_fail(s, &st);
}

static void welcome(struct session *s)
{
	const struct credential *c = credential_of(s);

	if (s->login->sasl == NULL || !sasl_complete(s->login->sasl)) {
		give_up(s, "4.7.0", "it says that all is well too early");
		return;
	}
	log_info(NULL, EV("remote-login"), KZ("relay", s->relay), KZ("user", c->user),
	    KZ("mechanism", login_mechanism_name(s->login->mechanism)), KZ("rule", c->rule));
	auth_clear(s);
	session_state(s, S_READY);
}

/* --- what we say ------------------------------------------------------------------------------ */

/* What is in the message is nobody's business but the server's. */
static void note_said(struct session *s, const char *command, bool message)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%s%s", command, message ? "(not shown)" : "");
	transcript_add(&s->job->transcript, TRANSCRIPT_SAID, str_of(text));
}

/* The message as a line, and nothing of it stays here. */
static void send_message(struct session *s, const char *command)
{
	struct login *l = s->login;
	char *text = xmalloc(BASE64_SIZE(l->message.n) + 1);
	size_t n = base64_encode(buf_view(&l->message), text);

	text[n] = '\0';
	conn_printf(&s->conn, "%s%s\r\n", command, command[0] != '\0' && n == 0 ? "=" : text);
	session_expect(s, STEP_AUTH, 0);
	note_said(s, command, true);
	explicit_bzero(text, n);
	free(text);
	forget_message(l);
}

/* Makes the next message. False when there is none; the session has failed then. */
static bool step(struct session *s, struct str challenge)
{
	struct login *l = s->login;
	const char *why;

	if (sasl_step(l->sasl, challenge, &l->message, &why) == 0)
		return true;
	give_up(s, "4.7.0", why);
	return false;
}

static void begin(struct session *s)
{
	struct login *l = s->login;
	const char *name = login_mechanism_name(l->mechanism);
	bool first = sasl_begins(l->mechanism);
	char command[64];
	int n = snprintf(command, sizeof command, "AUTH %s ", name);

	if (first && !step(s, STR_NONE))
		return;
	l->held = first && (size_t)n + BASE64_SIZE(l->message.n) + 2 > COMMAND_LINE_MAX;
	if (first && !l->held) {
		send_message(s, command);
		return;
	}
	conn_printf(&s->conn, "AUTH %s\r\n", name);
	session_expect(s, STEP_AUTH, 0);
	note_said(s, command, false);
}

/* --- which mechanism -------------------------------------------------------------------------- */

static bool usable(const struct session *s, enum login_mechanism m, bool bound)
{
	bool plus = m == LOGIN_SCRAM_SHA_256_PLUS || m == LOGIN_SCRAM_SHA_1_PLUS;
	unsigned bit = 1u << m;

	return (s->caps.auth & bit) != 0 && (s->login->tried & bit) == 0 &&
	       login_mechanism_kind(m) == credential_of(s)->kind && (bound || !plus);
}

/* The first of those that are wanted. */
static int choose(const struct session *s, bool bound)
{
	const struct settings *set = settings();

	for (unsigned i = 0; i < set->nmechanisms; i++)
		if (usable(s, set->mechanisms[i], bound))
			return (int)set->mechanisms[i];
	return -1;
}

static void start(struct session *s)
{
	const struct credential *c = credential_of(s);
	struct login *l = s->login;
	uint8_t exporter[SASL_EXPORTER];
	bool bound = conn_tls_exporter(&s->conn, exporter) == 0;
	int m = choose(s, bound);
	char host[256];

	if (m == -1) {
		give_up(s, "4.7.0",
		    s->caps.auth_offered ? "it offers no mechanism that may be used for that"
					 : "it offers no logins");
		return;
	}
	if (str_copy(site_host(s->site, &s->order.at[s->at]), host, sizeof host) == -1)
		host[0] = '\0';
	sasl_free(l->sasl);
	forget_message(l);
	l->mechanism = (enum login_mechanism)m;
	l->rounds = 0;
	l->sasl = sasl_new(&(struct sasl_login){ .mechanism = l->mechanism,
	    .user = c->user,
	    .secret = c->secret,
	    .host = host,
	    .port = s->site->port,
	    .exporter = bound ? exporter : NULL });
	explicit_bzero(exporter, sizeof exporter);
	if (l->sasl == NULL)
		give_up(s, "4.3.0", "the mechanism does not work here");
	else
		begin(s);
}

void auth_begin(struct session *s)
{
	const struct credential *c = credential_of(s);
	const struct status *refusal = refused_lately(c->id, s->hop->way.nexthop, loop_now());

	session_state(s, S_AUTH);
	auth_clear(s);
	s->login = xcalloc(1, sizeof *s->login);
	buf_init(&s->login->message, SASL_MESSAGE_MAX);
	if (refusal != NULL) {
		s->decided = true;
		session_fail(s, refusal);
	} else if (conn_tls(&s->conn) == NULL && !auth_plain_allowed(&s->ip)) {
		give_up(s, "4.7.11", "the connection is not encrypted");
	} else {
		start(s);
	}
}

/* --- what the server says --------------------------------------------------------------------- */

void auth_line(struct session *s, struct str line)
{
	struct login *l = s->login;

	l->n = line.n < sizeof l->challenge ? line.n : sizeof l->challenge;
	memcpy(l->challenge, line.p, l->n);
}

static void on_challenge(struct session *s, const struct reply *r)
{
	struct login *l = s->login;
	ssize_t n = base64_decode(str_bytes(l->challenge, l->n), l->challenge);

	if (r->lines > 1 || n == -1) {
		give_up(s, "4.5.0", "its challenge is not base64");
	} else if (l->rounds++ >= SASL_ROUNDS_MAX) {
		give_up(s, "4.5.0", "its challenges do not end");
	} else if (l->held && n > 0) {
		give_up(s, "4.5.0", "it does not wait for the first message");
	} else if (l->held || step(s, str_bytes(l->challenge, (size_t)n))) {
		l->held = false;
		send_message(s, "");
	}
}

static void on_fresh(struct ask *a, struct ipc_msg *m)
{
	struct session *s = a->arg;
	struct status st;
	struct credential *c = credential_take(m, &st);

	if (c == NULL) {
		s->decided = true;
		session_fail(s, &st);
		return;
	}
	hop_login(s->hop, c);
	credential_release(c);
	start(s);
}

/* Once: a token may have been revoked before its time. */
static bool may_refresh(const struct session *s)
{
	return credential_of(s)->kind == CREDENTIAL_TOKEN && !s->login->fresh && s->job != NULL;
}

void auth_answer(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct login *l = s->login;

	(void)rcpt;
	if (r->code == 334) {
		on_challenge(s, r);
	} else if (r->code == 235) {
		welcome(s);
	} else if (r->code == 504 || r->code == 534) { /* RFC 4954 6: not by this one */
		l->tried |= 1u << l->mechanism;
		start(s);
	} else if (r->code / 100 == 4) {
		struct status st;

		session_reply_status(s, r, STEP_AUTH, &st);
		session_fail(s, &st);
	} else if (r->code / 100 != 5) {
		give_up(s, "4.5.0", "its answer makes no sense");
	} else if (may_refresh(s)) {
		l->fresh = true;
		credential_ask(&l->ask, s->job, credential_of(s)->token, on_fresh, s);
	} else {
		refuse(s, r);
	}
}
