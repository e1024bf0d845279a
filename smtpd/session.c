/*
 * One connection. See session.h.
 *
 * A session is freed from the loop only: when its connection ends, or when the answer arrives that
 * it outlived its connection for (a message that the queue was told to keep is kept, and logged,
 * whether the client still listens or not).
 */
#include "session.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/id.h"
#include "input.h"
#include "limits.h"
#include "login.h"
#include "names.h"
#include "proto/types.h"
#include "welcome.h"

/* No message is under way: such a session can end at any time. */
enum { IDLE = S_START | S_READY | S_AUTH };

static TAILQ_HEAD(, session) sessions = TAILQ_HEAD_INITIALIZER(sessions);
static unsigned count;
static bool draining;
static void (*on_last)(void);

unsigned session_count(void)
{
	return count;
}

void session_on_last(void (*fn)(void))
{
	on_last = fn;
	if (count == 0)
		fn();
}

bool session_is_lmtp(const struct session *s)
{
	return s->service == SERVICE_LMTP;
}

bool session_secure(const struct session *s)
{
	return conn_tls(&s->conn) != NULL;
}

bool session_offers_tls(const struct session *s)
{
	return s->secure != NULL && !session_secure(s) && secure_context(s->secure) != NULL;
}

bool session_requires_tls(const struct session *s)
{
	return session_secure(s) && session_offer(s)->require_tls && !session_is_lmtp(s);
}

bool session_needs_tls(const struct session *s)
{
	return s->secure != NULL && secure_mode(s->secure) == SECURE_REQUIRED && !session_secure(s);
}

bool session_is_submission(const struct session *s)
{
	return s->service == SERVICE_SUBMISSION;
}

bool session_authenticated(const struct session *s)
{
	return s->login != NULL && s->service != SERVICE_LOCAL;
}

bool session_binds_sender(const struct session *s)
{
	return session_is_submission(s) && settings()->bind_sender;
}

const struct offer *session_offer(const struct session *s)
{
	return session_is_submission(s) ? &settings()->users : &settings()->strangers;
}

bool session_unsynchronised(const struct session *s, struct str behind)
{
	return behind.n > 0 && s->service != SERVICE_LOCAL;
}

/* --- states ----------------------------------------------------------------------------------- */

static const struct {
	enum session_state from;
	unsigned to;
} edges[] = {
	{ S_PROXY, S_CONNECT | S_TLS },
	{ S_TLS, S_CONNECT | S_START },
	{ S_CONNECT, S_START | S_TLS },
	{ S_START, S_CONNECT | S_READY | S_CHUNK | S_TLS },
	{ S_READY, S_CONNECT | S_READY | S_AUTH | S_MAIL | S_CHUNK | S_TLS },
	{ S_AUTH, S_READY },
	{ S_MAIL, S_READY | S_RCPT | S_CHUNK },
	{ S_RCPT, S_READY | S_RCPT | S_DATA | S_CHUNK },
	{ S_DATA, S_READY | S_COMMIT },
	{ S_CHUNK, S_START | S_READY | S_MAIL | S_CHUNKED | S_COMMIT },
	{ S_CHUNKED, S_READY | S_CHUNK },
	{ S_COMMIT, S_READY },
	{ S_CLOSE, 0 },
};

void session_to(struct session *s, enum session_state to)
{
	bool allowed = to == S_CLOSE;

	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
		allowed = allowed || (edges[i].from == s->state && (edges[i].to & to) != 0);
	assert(allowed);
	log_debug(&s->tag, EV("smtp-state"), KI("from", s->state), KI("to", to));
	s->state = to;
}

void session_clear_transaction(struct session *s)
{
	transaction_free(s->transaction);
	s->transaction = NULL;
	s->tag.queue = 0;
}

void session_hello(struct session *s, struct str name, bool esmtp)
{
	free(s->helo);
	s->helo = str_dup(name);
	s->esmtp = esmtp;
	session_clear_transaction(s);
	session_to(s, S_READY);
}

/* --- the log ---------------------------------------------------------------------------------- */

/* What the client was doing, in the words of its commands. */
static struct str stage(const struct session *s)
{
	static const struct {
		unsigned states;
		const char *name;
	} stages[] = { { S_PROXY | S_CONNECT | S_START, "CONNECT" }, { S_TLS, "STARTTLS" },
		{ S_READY, "EHLO" }, { S_AUTH, "AUTH" }, { S_MAIL, "MAIL" }, { S_RCPT, "RCPT" },
		{ S_DATA, "DATA" }, { S_CHUNK | S_CHUNKED, "BDAT" },
		{ S_COMMIT, "END-OF-MESSAGE" } };

	for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
		if ((stages[i].states & s->state) != 0)
			return str_of(stages[i].name);
	}
	return STR_NONE;
}

void session_log_refusal(
    struct session *s, const char *event, struct str to, const struct status *st, struct str rule)
{
	const struct transaction *t = s->transaction;

	log_info(&s->tag, event, KZ("client", s->client), KZ("client_name", s->name),
	    KZ("helo", s->helo), KS("from", t == NULL ? STR_NONE : t->envelope.sender),
	    KS("to", to), KS("protocol", t == NULL ? STR_NONE : t->envelope.protocol),
	    KI("code", st->code), KZ("enhanced", st->enhanced), KZ("text", st->text),
	    KS("rule", rule));
}

/* --- the end ---------------------------------------------------------------------------------- */

static void session_free(struct session *s)
{
	if (!s->quiet)
		log_info(&s->tag, EV("disconnect"), KZ("client", s->client),
		    KZ("client_name", s->name), KI("messages", s->messages),
		    KI("errors", s->errors));
	login_cancel(s);
	name_forget(s);
	conn_close(&s->conn);
	ask_cancel(&s->ask);
	body_wait_cancel(&s->body_wait);
	timer_clear(&s->delay);
	session_clear_transaction(s);
	if (s->counts != NULL)
		client_close(s->counts, loop_now());
	free(s->helo);
	free(s->login);
	TAILQ_REMOVE(&sessions, s, next);
	free(s);
	count--;
	if (count == 0 && on_last != NULL)
		on_last();
}

static void close_with_reply(struct session *s)
{
	login_cancel(s);
	ask_cancel(&s->name_ask);
	s->naming = false;
	ask_cancel(&s->ask);
	body_wait_cancel(&s->body_wait);
	timer_clear(&s->delay);
	session_clear_transaction(s);
	session_to(s, S_CLOSE);
	conn_deadline(&s->conn, TIME_GOODBYE);
	conn_linger(&s->conn);
}

void session_end(
    struct session *s, const char *event, int code, const char *enhanced, const char *fmt, ...)
{
	struct status st;
	va_list ap;
	char text[STATUS_TEXT_MAX];

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	status_set(&st, code, enhanced, "%s", text);
	log_info(&s->tag, event, KZ("client", s->client), KS("after", stage(s)), KI("code", code),
	    KZ("text", st.text));
	session_reply(s, code, enhanced, "%s", st.text);
	close_with_reply(s);
}

void session_cut(struct session *s, const char *event)
{
	log_info(&s->tag, event, KZ("client", s->client), KS("after", stage(s)));
	close_with_reply(s);
}

static void drain_one(struct session *s)
{
	session_end(s, EV("drained"), 421, "4.3.2", "%s is going down, try again later",
	    settings()->hostname);
}

void session_drain(void)
{
	struct session *s;

	draining = true;
	TAILQ_FOREACH (s, &sessions, next) {
		if (!s->waiting && (s->state & IDLE) != 0)
			drain_one(s);
	}
}

/* --- replies ---------------------------------------------------------------------------------- */

void session_say(struct session *s, struct str line)
{
	/* a client that reads no replies is not read either, so this is too much in one piece */
	if (conn_write(&s->conn, line) == -1)
		s->flooded = true;
}

void session_reply(struct session *s, int code, const char *enhanced, const char *fmt, ...)
{
	char text[STATUS_TEXT_MAX], line[STATUS_TEXT_MAX + 32];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	n = snprintf(line, sizeof line, "%d %s%s%s\r\n", code, enhanced,
	    enhanced[0] == '\0' ? "" : " ", text);
	session_say(s, str_bytes(line, (size_t)n));
}

static bool too_many_errors(struct session *s)
{
	const struct settings *set = settings();

	if (++s->errors > set->errors)
		return true;
	if (s->counts == NULL)
		return false;
	return client_count(s->counts, CLIENT_ERROR, loop_now()) > set->client_error_rate &&
	       set->client_error_rate != 0;
}

void session_refuse(struct session *s, int code, const char *enhanced, const char *fmt, ...)
{
	char text[STATUS_TEXT_MAX];
	va_list ap;

	if (too_many_errors(s)) {
		session_end(s, EV("too-many-errors"), 421, "4.7.0", "%s too many errors",
		    settings()->hostname);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	session_reply(s, code, enhanced, "%s", text);
}

/* --- waiting ---------------------------------------------------------------------------------- */

void session_wait(struct session *s)
{
	assert(!s->waiting);
	s->waiting = true;
	conn_pause(&s->conn);
	conn_cork(&s->conn);
}

/* What a client may take depends on what it is to send. */
void session_set_deadline(struct session *s)
{
	const struct settings *set = settings();

	if ((s->state & (S_DATA | S_CHUNK)) != 0) {
		const struct transaction *t = s->transaction;

		s->period = t == NULL || t->content == NULL ? s->chunk : t->content->received;
		conn_deadline(&s->conn, set->data_time);
	} else if (s->state != S_CLOSE) {
		conn_deadline(&s->conn, set->command_time);
	}
}

void session_answer(struct session *s)
{
	s->waiting = false;
}

void session_go_on(struct session *s)
{
	if (s->waiting)
		return;
	conn_uncork(&s->conn);
	if (draining && (s->state & IDLE) != 0)
		drain_one(s);
	if (s->state == S_CLOSE)
		return;
	session_set_deadline(s);
	conn_resume(&s->conn);
}

/* --- events of the connection ----------------------------------------------------------------- */

static void (*input_of(const struct session *s))(struct session *, struct str *)
{
	if (s->state == S_DATA)
		return data_input;
	if (s->state == S_CHUNK)
		return chunk_input;
	if (s->state == S_AUTH)
		return login_input;
	return s->state == S_PROXY ? proxy_input : command_input;
}

static void on_input(struct conn *c)
{
	struct session *s = c->owner;
	struct str in = buf_view(&c->in);
	enum session_state before = s->state;
	size_t total = in.n, left;
	bool timed;

	do {
		left = in.n;
		input_of(s)(s, &in);
	} while (in.n > 0 && in.n < left && !s->waiting && (s->state & (S_CLOSE | S_TLS)) == 0);
	/* a content state has a period, which bytes alone do not begin anew */
	timed = s->state != before || (s->state & (S_DATA | S_CHUNK)) == 0;
	if (in.n < total && timed && !s->waiting && (s->state & (S_PROXY | S_TLS)) == 0)
		session_set_deadline(s);
	buf_drop_secret(&c->in, total - in.n);
	if (s->state == S_TLS)
		welcome_tls(s, before == S_PROXY);
	if (s->flooded && s->state != S_CLOSE)
		session_cut(s, EV("flooded"));
}

static void timed_out(struct session *s)
{
	const struct transaction *t = s->transaction;
	uint64_t got = 0;

	if (s->state == S_CLOSE || s->state == S_PROXY) {
		session_free(s);
		return;
	}
	if (s->waiting && !s->body_wait.waiting) {
		session_set_deadline(s); /* for an answer that has a deadline of its own */
		return;
	}
	if ((s->state & (S_DATA | S_CHUNK)) != 0)
		got = t == NULL || t->content == NULL ? s->period - s->chunk
						      : t->content->received - s->period;
	if (got >= settings()->data_minimum)
		session_set_deadline(s);
	else
		session_end(s, EV("timeout"), 421, "4.4.2", "%s timed out, closing the connection",
		    settings()->hostname);
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct session *s = c->owner;

	if (why == CONN_TIMEOUT) {
		timed_out(s);
		return;
	}
	if (why == CONN_TLS) {
		secure_log_failure(&s->tag, s->client, c);
		if (s->counts != NULL)
			client_count(s->counts, CLIENT_ERROR, loop_now());
	}
	if (s->state == S_COMMIT) {
		log_info(&s->tag, EV("client-left-early"), KZ("client", s->client));
		conn_close(c); /* commit.c frees the session when the queue has answered */
		return;
	}
	if (s->transaction != NULL && s->state != S_CLOSE)
		log_info(
		    &s->tag, EV("lost-connection"), KZ("client", s->client), KI("state", s->state));
	session_free(s);
}

void session_outlived(struct session *s)
{
	session_free(s);
}

static const struct conn_events events = {
	.input = on_input, .end = on_end, .secured = welcome_secured
};

/* The user at the other end of the local socket; no name, because names are in files. */
static void identify_local(struct session *s)
{
	struct ucred cred;
	socklen_t n = sizeof cred;
	char text[32];

	if (getsockopt(s->conn.fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == -1)
		return;
	snprintf(text, sizeof text, "uid:%u", (unsigned)cred.uid);
	s->login = xstrdup(text);
}

void session_new(int *fd, enum service service, const char *listener, struct secure *secure,
    const struct sockaddr *from)
{
	struct session *s = xcalloc(1, sizeof *s);

	s->service = (uint8_t)service;
	s->listener = listener;
	s->secure = secure;
	s->tag.trace = id_random();
	ip_from_sockaddr(from, &s->peer);
	s->ip = s->peer;
	s->state = S_CONNECT;
	TAILQ_INSERT_TAIL(&sessions, s, next);
	count++;
	conn_init(&s->conn, fd, LIMIT_INPUT, LIMIT_OUTPUT, &events, s);
	if (service == SERVICE_LOCAL) {
		identify_local(s);
	} else if (networks_match(&settings()->proxy, &s->peer)) {
		s->state = S_PROXY;
		conn_deadline(&s->conn, TIME_PROXY_HEADER);
		return;
	}
	welcome_begin(s);
	if (s->state == S_TLS)
		welcome_tls(s, true);
}
