/* One connection to a next hop. See session.h. */
#include "session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "base/alloc.h"
#include "choice.h"
#include "greeting.h"
#include "lately.h"
#include "reach.h"
#include "reaction.h"
#include "settings.h"
#include "told.h"
#include "transaction.h"

enum {
	IN_MAX = 16 * 1024,
	QUIT_MS = 5000, /* for a QUIT that the server does not take */
};

#define TO(s) (1u << (s))
static const unsigned edges[S_STATES] = {
	[S_RESOLVING] = TO(S_CONNECTING) | TO(S_DEAD),
	[S_CONNECTING] = TO(S_CONNECTING) | TO(S_GREETING) | TO(S_HANDSHAKE) | TO(S_DEAD),
	[S_GREETING] = TO(S_CONNECTING) | TO(S_HELLO) | TO(S_DEAD),
	[S_HELLO] =
	    TO(S_CONNECTING) | TO(S_HELLO) | TO(S_STARTTLS) | TO(S_AUTH) | TO(S_READY) | TO(S_DEAD),
	[S_STARTTLS] = TO(S_CONNECTING) | TO(S_HANDSHAKE) | TO(S_AUTH) | TO(S_READY) | TO(S_DEAD),
	[S_AUTH] = TO(S_CONNECTING) | TO(S_READY) | TO(S_DEAD),
	[S_HANDSHAKE] = TO(S_CONNECTING) | TO(S_GREETING) | TO(S_HELLO) | TO(S_DEAD),
	[S_READY] = TO(S_CONNECTING) | TO(S_ENVELOPE) | TO(S_CLOSING) | TO(S_DEAD),
	[S_ENVELOPE] = TO(S_READY) | TO(S_CONTENT) | TO(S_FINAL) | TO(S_DEAD),
	[S_CONTENT] = TO(S_FINAL) | TO(S_DEAD),
	[S_FINAL] = TO(S_READY) | TO(S_DEAD),
	[S_CLOSING] = TO(S_DEAD),
};

static struct session_counts counts;

const struct session_counts *session_counts(void)
{
	return &counts;
}

/* It can be given mail. */
static void greeted(struct session *s)
{
	choice_note_up(&s->hop->way);
	if (s->plain && quirks_suspected(QUIRK_STARTTLS, &s->ip, s->site->port))
		quirks_found(QUIRK_STARTTLS, &s->ip, "TLS has failed, and mail goes without");
}

void session_state(struct session *s, enum session_state to)
{
	assert((edges[s->state] & TO(to)) != 0);
	if (to == S_READY && s->state < S_READY)
		greeted(s);
	s->state = to;
}

/* --- ends ------------------------------------------------------------------------------------- */

static void reap(void *arg)
{
	free(arg);
}

/* Closes it; whoever is up the stack may still look at s->state. */
static void bury(struct session *s)
{
	session_state(s, S_DEAD);
	reach_clear(s);
	auth_clear(s);
	conn_close(&s->conn);
	hop_session_gone(s);
	timer_set(&s->reap, 0, reap, s);
}

/* The server may have closed an idle connection just when the next message was on its way there. */
static bool stale(const struct session *s)
{
	return s->state == S_ENVELOPE && !s->t.answered && s->served > (s->t.begun ? 1u : 0u);
}

/* That one host cannot give what is demanded says nothing of another, which may another time. */
static const struct status *soften(const struct status *st, struct status *softer)
{
	*softer = *st;
	softer->code = 451;
	softer->enhanced[0] = '4';
	return softer;
}

/* Why a session ends that way. */
static uint8_t fault_of(const struct session *s, const struct status *st, bool early)
{
	bool tls = s->state == S_STARTTLS || s->state == S_HANDSHAKE ||
		   str_eq(str_of(st->enhanced), STR("4.7.5"));

	if (early && tls)
		return FAULT_TLS;
	if (s->replying)
		return early || s->last ? FAULT_BUSY : FAULT_REPLY;
	if (!early)
		return s->last ? FAULT_CONNECT : FAULT_LOST;
	return s->state == S_RESOLVING ? FAULT_DNS : FAULT_CONNECT;
}

/* Without a word of the server: commands that came together may have been too much for it. */
static void envelope_lost(struct session *s)
{
	if (s->t.burst)
		quirks_failed(QUIRK_PIPELINING, &s->ip, s->site->port);
	else if (s->trial)
		quirks_worked(QUIRK_PIPELINING, &s->ip, s->site->port);
}

static void begin_anew(struct job *j)
{
	j->fresh = true;
	hop_submit(j);
}

void session_again(struct session *s)
{
	struct job *j = s->job;

	s->job = NULL;
	bury(s);
	begin_anew(j);
}

void session_fail(struct session *s, const struct status *st)
{
	struct status softer, reply;
	const struct status *said = session_said(s, &reply);
	struct job *j = s->job;
	/* that there is nothing to connect to is no failure of whoever might be there */
	bool nowhere = s->state == S_RESOLVING && !status_temporary(st);
	uint8_t fault = FAULT_NONE;
	bool early = s->state < S_READY && !nowhere;
	bool ours = early && s->ours;
	bool again = stale(s);
	/* nor is that a host cannot give what a message demands of it */
	bool demanding =
	    early && !status_temporary(st) && s->hop->wish.require == TLS_REQUIRE_ALWAYS;
	struct outcome o;

	if (j != NULL && said == NULL)
		transcript_note(&j->transcript, "%s", st->text);
	if (s->state == S_ENVELOPE && !s->replying && !again)
		envelope_lost(s);
	s->later = s->later || (early && status_temporary(st));
	auth_clear(s);
	if (early && !s->decided && s->next < s->order.n) {
		log_info(
		    NULL, EV("remote-next-address"), KZ("relay", s->relay), KZ("reason", st->text));
		if (j != NULL && said != NULL)
			reaction_passed(j, str_of(s->relay), said);
		conn_close(&s->conn);
		reach_next(s);
		return;
	}
	if (!nowhere && !demanding && !ours && !s->decided)
		fault = fault_of(s, st, early);
	s->job = NULL;
	bury(s);
	if (j == NULL)
		return;
	if (again) {
		begin_anew(j);
		return;
	}
	if (demanding && s->later)
		st = soften(st, &softer);
	o = (struct outcome){ .status = st,
		.said = said,
		.relay = str_of(s->relay),
		.tls = str_of(s->tls_text),
		.fault = fault };
	if ((early || nowhere) && !s->decided && (!ours || s->order.n == 0) &&
	    hop_submit_elsewhere(j, &o))
		return;
	job_settle_rest(j, &o);
	job_finish(j);
}

void session_abort(struct session *s)
{
	s->job = NULL;
	bury(s);
}

void session_quit(struct session *s)
{
	hop_session_closing(s);
	session_state(s, S_CLOSING);
	conn_write(&s->conn, STR("QUIT\r\n"));
	conn_deadline(&s->conn, QUIT_MS);
	conn_linger(&s->conn);
}

bool session_committed(const struct session *s)
{
	return s->state == S_FINAL && !s->t.void_data;
}

/* --- expected replies ------------------------------------------------------------------------- */

static const struct {
	const char *command; /* as in "in reply to ..." */
	transaction_fn *fn;
	int class; /* first digit of the reply that means yes */
} steps[STEPS] = {
	[STEP_GREETING] = { "connection", greeting_220, 2 },
	[STEP_EHLO] = { "EHLO command", greeting_ehlo, 2 },
	[STEP_HELO] = { "HELO command", greeting_helo, 2 },
	[STEP_LHLO] = { "LHLO command", greeting_helo, 2 },
	[STEP_STARTTLS] = { "STARTTLS command", greeting_starttls, 2 },
	[STEP_AUTH] = { "AUTH command", auth_answer, 2 },
	[STEP_RSET] = { "RSET command", transaction_rset, 2 },
	[STEP_MAIL] = { "MAIL FROM command", transaction_mail, 2 },
	[STEP_RCPT] = { "RCPT TO command", transaction_rcpt, 2 },
	[STEP_DATA] = { "DATA command", transaction_data, 3 },
	[STEP_CHUNK] = { "BDAT command", transaction_chunk, 2 },
	[STEP_FINAL] = { "end of DATA command", transaction_final, 2 },
};

void session_expect(struct session *s, enum step step, uint32_t rcpt)
{
	assert(s->nexpects < EXPECT_MAX);
	s->expects[(s->first + s->nexpects++) % EXPECT_MAX] =
	    (struct expect){ .step = (uint8_t)step, .rcpt = (uint16_t)rcpt };
	s->t.burst |= s->state == S_ENVELOPE && s->nexpects > 1;
}

int session_command(struct session *s, struct str line, enum step step, uint32_t rcpt)
{
	if (conn_write(&s->conn, line) == -1)
		return -1;
	session_expect(s, step, rcpt);
	transcript_add(&s->job->transcript, TRANSCRIPT_SAID, line);
	return 0;
}

static struct expect take_expect(struct session *s)
{
	struct expect e = s->expects[s->first];

	s->first = (s->first + 1) % EXPECT_MAX;
	s->nexpects--;
	return e;
}

/* What the session is waiting for, for people. */
static const char *doing(const struct session *s)
{
	if (s->state == S_CONTENT)
		return "sending the message";
	return s->nexpects > 0 ? steps[s->expects[s->first].step].command : "nothing";
}

void session_reply_status(
    struct session *s, const struct reply *r, enum step step, struct status *st)
{
	if (r->code / 100 == steps[step].class && step != STEP_DATA)
		status_set(
		    st, r->code, r->enhanced[0] != '\0' ? r->enhanced : "2.0.0", "%s", r->text);
	else if (r->code >= 400)
		reply_status(r, steps[step].command, st);
	else
		status_set(st, 451, "4.5.0",
		    "%s answered with %d, which makes no sense (in reply to %s)", s->relay, r->code,
		    steps[step].command);
}

const struct status *session_said(struct session *s, struct status *st)
{
	if (!s->replying)
		return NULL;
	session_reply_status(s, &s->reply, s->step, st);
	return status_good(st) ? NULL : st;
}

/* --- time ------------------------------------------------------------------------------------- */

/* RFC 5321 4.5.3.2 */
static void set_deadline(struct session *s)
{
	const struct settings *set = settings();
	uint64_t ms = set->command;

	/* a handshake has its own */
	if (s->state == S_HANDSHAKE || s->state == S_CLOSING || s->state == S_DEAD)
		return;
	if (s->state == S_READY)
		ms = set->idle;
	else if (s->state == S_FINAL)
		ms = set->final;
	else if (s->state == S_CONTENT ||
		 (s->nexpects > 0 && s->expects[s->first].step == STEP_DATA))
		ms = set->data;
	conn_deadline(&s->conn, ms);
}

/* --- input ------------------------------------------------------------------------------------ */

/* It has got another job. */
static void reused(struct session *s)
{
	s->job->session = s;
	counts.reused++;
	transcript_note(&s->job->transcript, "again by %s", s->relay);
}

/* With a job it works, without one it waits for the next or goes. */
static void go_on(struct session *s)
{
	const struct settings *set = settings();
	unsigned limit = set->messages;

	if (s->caps.mail_max > 0 && s->caps.mail_max < limit)
		limit = s->caps.mail_max;
	while (s->state == S_READY) {
		bool worn = s->served >= limit;
		struct job *j = s->job;

		if (j != NULL && j->left > 0 && !worn) {
			transaction_begin(s);
			continue;
		}
		s->job = NULL;
		if (worn)
			session_quit(s);
		if (j != NULL && j->left > 0)
			hop_submit(j);
		else if (j != NULL)
			job_finish(j);
		if (worn)
			return;
		s->job = hop_session_free(s);
		if (s->job == NULL)
			return;
		reused(s);
	}
}

static void protocol_error(struct session *s, const char *what)
{
	struct status st;

	status_set(&st, 451, "4.5.0", "protocol error by %s: %s (waiting for %s)", s->relay, what,
	    doing(s));
	s->last = true;
	session_fail(s, &st);
}

static void take_reply(struct session *s)
{
	struct expect e;
	struct status st = { 0 };

	if (s->reply.code == 421 && s->state >= S_READY) {
		/* it closes now: what this answers is dealt with, the rest is not its business */
		s->last = true;
		session_reply_status(s, &s->reply, s->expects[s->first].step, &st);
		if (stale(s)) {
			session_fail(s, &st);
			return;
		}
	}
	e = take_expect(s);
	s->step = e.step;
	s->t.answered = true;
	/* what follows cannot be the answer to something that is about to be sent; behind the end
	 * of a message it is looked at when its outcome has been noted */
	if (s->nexpects == 0 && s->conn.in.n > 0 && e.step != STEP_FINAL) {
		if (e.step == STEP_STARTTLS) /* it was meant to be taken for what comes encrypted */
			log_warning(NULL, EV("remote-starttls-injection"), KZ("relay", s->relay));
		protocol_error(s, "reply to no command");
		return;
	}
	s->replying = true;
	steps[e.step].fn(s, &s->reply, e.rcpt);
	if (s->last && s->state != S_DEAD)
		session_fail(s, &st);
	s->replying = false;
	reply_start(&s->reply);
}

/* A challenge is as little anybody's business as what we make of it. */
static void note_heard(struct session *s, struct str line)
{
	bool challenge = s->expects[s->first].step == STEP_AUTH && str_starts(line, STR("334"));

	transcript_add(
	    &s->job->transcript, TRANSCRIPT_HEARD, challenge ? STR("334 (not shown)") : line);
}

/* One line of input. False when there is no whole one, or the session is over. */
static bool take_line(struct session *s)
{
	enum reply_state state;
	struct str line;
	size_t size;
	int r = conn_line(&s->conn, REPLY_LINE_MAX, &line, &size);

	if (r == 0)
		return false;
	if (r == -1 || s->nexpects == 0) {
		protocol_error(s, r == -1 ? "line too long" : "reply to no command");
		return false;
	}
	if (s->job != NULL)
		note_heard(s, line);
	state = reply_line(&s->reply, line);
	if (state != REPLY_BAD && s->state == S_HELLO && s->reply.lines > 1 && s->reply.code == 250)
		caps_line(&s->caps, s->reply.line);
	if (state != REPLY_BAD && s->state == S_AUTH)
		auth_line(s, s->reply.line);
	if (state == REPLY_BAD) {
		protocol_error(s, "no valid reply");
		return false;
	}
	buf_drop(&s->conn.in, size);
	if (state == REPLY_DONE)
		take_reply(s);
	return s->state != S_DEAD && s->state != S_CLOSING;
}

static void on_input(struct conn *c)
{
	struct session *s = c->owner;

	while (take_line(s))
		;
	if (s->state == S_DEAD || s->state == S_CLOSING)
		return;
	/* the answer to a command cannot be there before the command */
	if (s->nexpects == 0 && c->in.n > 0) {
		protocol_error(s, "reply to no command");
		return;
	}
	if (s->state == S_ENVELOPE || s->state == S_CONTENT)
		transaction_pump(s);
	go_on(s);
	set_deadline(s);
}

static void on_drained(struct conn *c)
{
	struct session *s = c->owner;

	if (s->state != S_CONTENT)
		return;
	transaction_drained(s);
	set_deadline(s);
}

static void on_secured(struct conn *c)
{
	struct session *s = c->owner;

	counts.tls++;
	counts.resumed += conn_tls(c)->resumed;
	greeting_secured(s);
	set_deadline(s);
}

static void describe_end(const struct session *s, enum conn_end why, struct status *st)
{
	const char *how = why == CONN_EOF       ? "connection closed"
			  : why == CONN_TIMEOUT ? "timed out"
			  : why == CONN_TLS     ? conn_tls_why(&s->conn)
						: strerror(errno);

	if (s->state == S_HANDSHAKE) {
		status_set(st, 451, "4.7.5", "TLS handshake with %s failed: %s", s->relay, how);
		return;
	}
	status_set(st, 451, "4.4.2", "lost %s: %s (%s%s)", s->relay, how,
	    s->state == S_CONTENT ? "while " : "waiting for an answer to ", doing(s));
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct session *s = c->owner;
	struct status st;

	if (s->state == S_READY && why == CONN_TIMEOUT && s->job == NULL) {
		session_quit(s);
		return;
	}
	describe_end(s, why, &st);
	if (s->state == S_HANDSHAKE)
		told_failure(s, TLS_FAILED_OTHERWISE, st.text);
	if (greeting_plain_instead(s, &st)) {
		transcript_note(&s->job->transcript, "%s", st.text);
		reach_again(s);
		return;
	}
	/* a host that takes connections and does not greet is as good as down */
	if (s->state == S_GREETING)
		lately_note(LATELY_DEAD, &s->ip, s->site->port, loop_now());
	session_fail(s, &st);
}

/* --- a connection ----------------------------------------------------------------------------- */

static const struct conn_events events = { on_input, on_drained, on_end, on_secured };

void session_connected(struct session *s, int *fd)
{
	conn_init(&s->conn, fd, IN_MAX, OUT_MAX, &events, s);
	counts.made++;
	s->quirks = quirks_of(site_host(s->site, &s->order.at[s->at]), &s->ip);
	s->trial = false;
	greeting_begin(s);
	set_deadline(s);
}

void session_open(struct hop *h, struct job *j)
{
	struct session *s = xcalloc(1, sizeof *s);

	s->hop = h;
	s->job = j;
	j->connected = true;
	j->session = s;
	s->conn.fd = -1;
	reach_begin(s);
}

void session_run(struct session *s, struct job *j)
{
	s->job = j;
	reused(s);
	go_on(s);
	set_deadline(s);
}
