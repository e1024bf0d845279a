/* Until a server can be given mail. See greeting.h. */
#include "greeting.h"

#include <assert.h>
#include <stdio.h>

#include "auth.h"
#include "lately.h"
#include "settings.h"
#include "starttls.h"
#include "told.h"

static bool lmtp(const struct session *s)
{
	return s->hop->transport == TRANSPORT_LMTP;
}

static void hello(struct session *s, const char *verb, enum step step)
{
	struct str name = s->hop->source.helo;
	char line[sizeof settings()->hostname + 16];

	if (name.n == 0)
		name = str_of(settings()->hostname);
	if (s->state != S_HELLO || step == STEP_HELO)
		session_state(s, S_HELLO);
	snprintf(line, sizeof line, "%s %.*s\r\n", verb, STR_ARG(name));
	s->caps = (struct caps){ 0 }; /* what was said in plain text counts no more under TLS */
	(void)session_command(s, str_of(line), step, 0);
}

static void first_hello(struct session *s)
{
	if (lmtp(s))
		hello(s, "LHLO", STEP_LHLO);
	else
		hello(s, "EHLO", STEP_EHLO);
}

/* --- TLS -------------------------------------------------------------------------------------- */

/* For names of certificates, an address is what a next hop that is one is called. */
static struct starttls_peer peer_of(const struct session *s, char ip[IP_TEXT])
{
	bool literal = s->hop->target.ip.family != 0;

	ip_format(&s->ip, ip);
	return (struct starttls_peer){ .policy = &s->policy.policy,
		.host = literal ? str_of(ip) : site_host(s->site, &s->order.at[s->at]),
		.nexthop = literal ? ip : s->hop->target.host,
		.relay = s->relay };
}

static void begin_tls(struct session *s)
{
	char ip[IP_TEXT];
	struct starttls_peer p = peer_of(s, ip);

	session_state(s, S_HANDSHAKE);
	s->tls = true;
	starttls_begin(&s->conn, &p);
}

/* A login goes over no line that can be listened to, whatever the policy. */
static enum tls_level level_of(const struct session *s)
{
	enum tls_level level = s->policy.policy.wish.level;

	if (level < TLS_LEVEL_ENCRYPT && s->hop->wish.auth && !auth_plain_allowed(&s->ip))
		return TLS_LEVEL_ENCRYPT;
	return level;
}

/* Whose word that level is, if not the operator's. */
static const char *by_whom(const struct session *s)
{
	return level_of(s) == s->policy.policy.wish.level ? s->policy.policy.by : ", for the login";
}

/* Nothing is in the way of mail any more but a login. */
static void all_said(struct session *s)
{
	assert(s->hop->wish.auth == (s->hop->credential != NULL));
	if (s->hop->wish.auth)
		auth_begin(s);
	else
		session_state(s, S_READY);
}

static bool wants_tls(const struct session *s)
{
	enum tls_level level = level_of(s);

	if (s->tls || level == TLS_LEVEL_NONE)
		return false;
	return level != TLS_LEVEL_MAY ||
	       (!s->plain && (s->quirks & QUIRK_BIT(QUIRK_STARTTLS)) == 0 &&
		   lately_for(LATELY_NO_TLS, &s->ip, s->site->port, loop_now()) == 0);
}

/* There is no TLS to be had here: that matters to some policies. */
static void without_tls(struct session *s, const struct status *st)
{
	told_failure(s, TLS_FAILED_STARTTLS, "");
	if (level_of(s) == TLS_LEVEL_MAY)
		all_said(s);
	else
		session_fail(s, st);
}

/* What the server is known, or tried, to be better off without. */
static void use_less(struct session *s)
{
	quirks_mask(&s->caps, s->quirks);
	s->trial = s->caps.pipelining && quirks_suspected(QUIRK_PIPELINING, &s->ip, s->site->port);
	if (s->trial)
		s->caps.pipelining = false;
}

static void ready(struct session *s)
{
	struct status st;

	use_less(s);
	if (!wants_tls(s) && s->hop->wish.require == TLS_REQUIRE_ALWAYS && !s->caps.requiretls) {
		status_set(&st, 550, "5.7.30",
		    "REQUIRETLS support required, which %s does not offer", s->relay);
		session_fail(s, &st);
	} else if (!wants_tls(s)) {
		if (!s->tls)
			told_failure(
			    s, TLS_FAILED_OTHERWISE, "TLS has failed there a short while ago");
		all_said(s);
	} else if (s->caps.starttls) {
		session_state(s, S_STARTTLS);
		(void)session_command(s, STR("STARTTLS\r\n"), STEP_STARTTLS, 0);
	} else {
		status_set(&st, 451, "4.7.4", "%s does not offer TLS (TLS policy %s%s)", s->relay,
		    tls_level_name(level_of(s)), by_whom(s));
		without_tls(s, &st);
	}
}

void greeting_starttls(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct status st;

	(void)rcpt;
	if (r->code == 220) {
		begin_tls(s);
		return;
	}
	status_set(&st, 451, "4.7.4", "%s refused TLS: %d %s%s%s (TLS policy %s%s)", s->relay,
	    r->code, r->enhanced, r->enhanced[0] != '\0' ? " " : "", r->text,
	    tls_level_name(level_of(s)), by_whom(s));
	if (r->code == 421)
		session_fail(s, &st); /* it goes, whatever the policy */
	else
		without_tls(s, &st);
}

void greeting_secured(struct session *s)
{
	char ip[IP_TEXT];
	struct starttls_peer p = peer_of(s, ip);
	struct status st;

	starttls_text(&s->conn, &p, s->tls_text);
	quirks_worked(QUIRK_STARTTLS, &s->ip, s->site->port);
	transcript_note(&s->job->transcript, "%s", s->tls_text);
	if (starttls_check(&s->conn, &p, &st) == -1) {
		told_secured(s, false);
		session_fail(s, &st);
		return;
	}
	told_secured(s, true);
	if (s->hop->wish.implicit) {
		session_state(s, S_GREETING);
		session_expect(s, STEP_GREETING, 0);
	} else {
		first_hello(s);
	}
}

bool greeting_plain_instead(struct session *s, const struct status *st)
{
	bool failed = s->state == S_STARTTLS || (s->tls && s->state < S_READY);

	if (!failed || level_of(s) != TLS_LEVEL_MAY || s->hop->wish.auth)
		return false;
	lately_note(LATELY_NO_TLS, &s->ip, s->site->port, loop_now());
	quirks_failed(QUIRK_STARTTLS, &s->ip, s->site->port);
	log_info(NULL, EV("remote-plain-text"), KZ("relay", s->relay), KZ("reason", st->text));
	return true;
}

/* --- greeting and EHLO ------------------------------------------------------------------------ */

void greeting_begin(struct session *s)
{
	if (s->hop->wish.implicit) {
		begin_tls(s);
		return;
	}
	session_state(s, S_GREETING);
	session_expect(s, STEP_GREETING, 0);
}

/* A host that does not want to talk now may want to later, whatever the digit. */
void greeting_220(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct status st;

	(void)rcpt;
	if (r->code == 220) {
		first_hello(s);
		return;
	}
	status_set(&st, 451, "4.3.2", "%s refused to talk: %d %s%s%s", s->relay, r->code,
	    r->enhanced, r->enhanced[0] != '\0' ? " " : "", r->text);
	session_fail(s, &st);
}

void greeting_helo(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct status st;

	(void)rcpt;
	if (r->code / 100 == 2) {
		ready(s);
		return;
	}
	session_reply_status(s, r, lmtp(s) ? STEP_LHLO : STEP_HELO, &st);
	session_fail(s, &st);
}

/* RFC 5321 3.2: a server that does not know EHLO is asked with HELO. */
void greeting_ehlo(struct session *s, const struct reply *r, uint32_t rcpt)
{
	if (r->code / 100 == 5)
		hello(s, "HELO", STEP_HELO);
	else
		greeting_helo(s, r, rcpt);
}
