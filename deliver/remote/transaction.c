/* Mail transactions. See transaction.h. */
#include "transaction.h"

#include <errno.h>
#include <string.h>

#include "command.h"
#include "mail/utf8.h"
#include "reach.h"

enum {
	COMMAND_MAX = 4096, /* one command with all its parameters */
	CHUNKS_AHEAD = 8, /* BDAT commands sent before the answer to the first is there */
	ANYBODY = UINT16_MAX /* not a recipient's own reply */
};

/* Content on its way into a connection; empty between two calls. */
static struct buf content = { .max = 8 * (BLOCK + DOWNGRADE_HEADER_MAX) };

static void settle(struct session *s, uint32_t i, const struct status *st)
{
	struct status reply;

	job_settle(s->job, i,
	    &(struct outcome){ .status = st,
		.said = status_good(st) ? NULL : session_said(s, &reply),
		.relay = str_of(s->relay),
		.tls = str_of(s->tls_text),
		.fault = s->last ? FAULT_BUSY : FAULT_REPLY,
		.dsn = s->caps.dsn && status_good(st) });
}

/* All recipients whose state is one of those. */
static void settle_all(
    struct session *s, enum rcpt_state from, enum rcpt_state to, const struct status *st)
{
	for (uint32_t i = 0; i < s->job->d.nrcpts; i++)
		if (s->job->state[i] >= from && s->job->state[i] <= to)
			settle(s, i, st);
}

/* --- what goes into it ------------------------------------------------------------------------ */

static struct str domain_of(struct str addr)
{
	ssize_t at = str_rfind(addr, '@');

	return at == -1 ? STR_NONE : str_skip(addr, (size_t)at + 1);
}

/* Is the domain of recipient i among those chosen already? */
static bool domain_chosen(const struct job *j, uint32_t i)
{
	struct str domain = domain_of(j->d.rcpts[i].addr);

	for (uint32_t k = 0; k < i; k++)
		if (j->state[k] == RCPT_CHOSEN && str_caseeq(domain_of(j->d.rcpts[k].addr), domain))
			return true;
	return false;
}

/* As many as the server takes at once (RFC 9422). */
static void choose(struct session *s)
{
	struct job *j = s->job;
	uint32_t n = 0, domains = 0;

	for (uint32_t i = 0; i < j->d.nrcpts; i++) {
		if (j->state[i] == RCPT_SETTLED)
			continue;
		j->state[i] = RCPT_PENDING;
		if (s->caps.rcpt_max > 0 && n == s->caps.rcpt_max)
			continue;
		if (s->caps.domain_max > 0 && !domain_chosen(j, i) &&
		    domains++ >= s->caps.domain_max)
			continue;
		j->state[i] = RCPT_CHOSEN;
		n++;
	}
}

static bool ascii_envelope(const struct deliver_job *d)
{
	bool ascii = str_is_ascii(d->sender);

	for (uint32_t i = 0; i < d->nrcpts; i++)
		ascii = ascii && str_is_ascii(d->rcpts[i].addr);
	return ascii;
}

/*
 * What must be announced. The message is looked at once per job: as a whole only where 8-bit
 * content would be a problem.
 */
static int find_needs(struct session *s)
{
	struct job *j = s->job;
	struct mail_needs *n = &s->t.needs;

	if (!j->looked &&
	    body_look(&j->d, j->fd, s->caps.eightbit ? BLOCK : UINT64_MAX, &j->look) == -1)
		return -1;
	j->looked = !s->caps.eightbit || j->look.any;
	n->size = body_size(&j->d);
	n->auth = s->hop->credential != NULL && s->caps.auth_offered;
	n->requiretls = s->tls && s->hop->wish.require != TLS_REQUIRE_NOTHING;
	n->utf8 = !ascii_envelope(&j->d) || (j->d.utf8 && j->look.header);
	n->eightbit = j->look.any || (j->d.eightbit && s->caps.eightbit);
	return 0;
}

/* It takes 7 bits only: the content is converted (RFC 6152 3). */
static void make_fit(struct session *s, struct status *st)
{
	struct job *j = s->job;

	if (j->down == NULL)
		j->down = body_downgrade(&j->d, j->fd);
	if (j->down == NULL && errno == EILSEQ)
		status_set(st, 554, "5.6.3",
		    "the message has 8-bit content that cannot be converted, and %s takes 7 bits "
		    "only",
		    s->relay);
	else if (j->down == NULL)
		status_set(st, 451, "4.3.0", "queued message cannot be read: %s", strerror(errno));
	s->t.down = true;
	s->t.needs.size = 0; /* not known before it is done */
}

/*
 * True if the server can take the message; else the recipients are settled, or another host is
 * asked, because one that takes UTF-8 can be behind one that does not.
 */
static bool acceptable(struct session *s)
{
	const struct mail_needs *n = &s->t.needs;
	struct status st = { 0 };

	if (find_needs(s) == -1)
		status_set(&st, 451, "4.3.0", "queued message cannot be read: %s", strerror(errno));
	else if (s->caps.size_limit > 0 && n->size > s->caps.size_limit)
		status_set(&st, 552, "5.3.4", "message of %llu bytes exceeds the limit of %s: %llu",
		    (unsigned long long)n->size, s->relay, (unsigned long long)s->caps.size_limit);
	else if (n->utf8 && !s->caps.utf8)
		status_set(&st, 553, "5.6.7",
		    "the message needs SMTPUTF8 for its %s, which %s does not offer",
		    ascii_envelope(&s->job->d) ? "header" : "addresses", s->relay);
	else if (n->eightbit && !s->caps.eightbit)
		make_fit(s, &st);
	if (st.code == 0)
		return true;
	if (!n->utf8 || s->caps.utf8 || !reach_elsewhere(s, &st))
		settle_all(s, RCPT_PENDING, RCPT_ACCEPTED, &st);
	return false;
}

void transaction_begin(struct session *s)
{
	s->t = (struct transaction){ .next = s->need_rset ? T_RSET : T_MAIL,
		.form = s->caps.chunking ? BODY_BDAT : BODY_DATA };
	if (!acceptable(s))
		return;
	choose(s);
	session_state(s, S_ENVELOPE);
	transaction_pump(s);
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool say(struct session *s, struct str command, enum step step, uint32_t rcpt)
{
	return session_command(s, command, step, rcpt) == 0;
}

static bool send_rset(struct session *s)
{
	s->t.next = T_MAIL;
	return say(s, STR("RSET\r\n"), STEP_RSET, ANYBODY);
}

static bool send_mail(struct session *s)
{
	struct buf b;
	bool r;

	buf_init(&b, COMMAND_MAX);
	if (command_mail(&b, &s->job->d, &s->caps, &s->t.needs) == -1) {
		struct status st;

		status_set(
		    &st, 553, "5.1.7", "the sender's address cannot be sent to another host");
		settle_all(s, RCPT_PENDING, RCPT_CHOSEN, &st);
		s->t.refused = true;
		s->t.next = T_DATA;
		buf_clear(&b);
		return true;
	}
	s->t.next = T_RCPT;
	s->t.begun = true;
	s->served++;
	s->need_rset = true;
	r = say(s, buf_view(&b), STEP_MAIL, ANYBODY);
	buf_clear(&b);
	return r;
}

static bool send_one_rcpt(struct session *s, uint32_t i)
{
	struct buf b;
	bool r = true;

	buf_init(&b, COMMAND_MAX);
	if (command_rcpt(&b, &s->job->d.rcpts[i], &s->caps) == -1) {
		struct status st;

		status_set(&st, 553, "5.1.3", "the address cannot be sent to another host");
		settle(s, i, &st);
	} else {
		s->job->state[i] = RCPT_SENT;
		r = say(s, buf_view(&b), STEP_RCPT, i);
	}
	buf_clear(&b);
	return r;
}

static bool send_rcpt(struct session *s)
{
	struct job *j = s->job;
	uint32_t i = s->t.cursor;

	while (i < j->d.nrcpts && j->state[i] != RCPT_CHOSEN)
		i++;
	s->t.cursor = i + 1;
	if (i < j->d.nrcpts)
		return send_one_rcpt(s, i);
	s->t.next = T_DATA;
	return true;
}

static void tell_folds(const struct body *b)
{
	const struct tag tag = { .trace = b->job->trace, .queue = b->job->id };

	log_info(&tag, EV("remote-lines-folded"), KI("lines", b->folds));
}

/* Appends a block of content to the connection. */
static void send_block(struct session *s)
{
	struct status st;
	int r = body_next(&s->t.body, &content);

	if (r == -1) {
		status_set(&st, 451, "4.3.0", "queued message cannot be read: %s", strerror(errno));
		buf_clear(&content);
		session_fail(s, &st);
		return;
	}
	if (r == 0 && s->t.body.folds > 0)
		tell_folds(&s->t.body);
	if (s->t.form == BODY_BDAT) {
		conn_printf(&s->conn, "BDAT %zu%s\r\n", content.n, r == 0 ? " LAST" : "");
		if (r == 1)
			session_expect(s, STEP_CHUNK, ANYBODY);
	}
	conn_write(&s->conn, buf_view(&content));
	s->t.sent += content.n;
	buf_reset(&content);
	if (r != 0)
		return;
	transcript_note(&s->job->transcript, "%llu bytes of content%s",
	    (unsigned long long)s->t.sent, s->t.form == BODY_BDAT ? " by BDAT" : "");
	session_state(s, S_FINAL);
}

/* RFC 2033 4.2: an answer for each recipient that was accepted. */
static void expect_final(struct session *s)
{
	struct job *j = s->job;

	if (s->hop->transport != TRANSPORT_LMTP) {
		session_expect(s, STEP_FINAL, ANYBODY);
		return;
	}
	for (uint32_t i = 0; i < j->d.nrcpts; i++)
		if (j->state[i] == RCPT_ACCEPTED)
			session_expect(s, STEP_FINAL, i);
}

static void send_content(struct session *s)
{
	session_state(s, S_CONTENT);
	body_start(&s->t.body, &s->job->d, s->job->fd, s->t.form, s->t.down ? s->job->down : NULL);
	/* with DATA an answer may come before the end, to say that it is no use */
	if (s->t.form == BODY_DATA)
		expect_final(s);
	transaction_drained(s);
}

void transaction_drained(struct session *s)
{
	if (s->state != S_CONTENT || s->conn.out.n > 0 ||
	    (s->t.form == BODY_BDAT && s->nexpects >= CHUNKS_AHEAD))
		return;
	send_block(s);
	if (s->state == S_FINAL && s->t.form == BODY_BDAT)
		expect_final(s);
}

static bool send_data(struct session *s)
{
	bool early = s->caps.pipelining && s->t.form == BODY_DATA && s->nexpects > 0;

	if (!early && s->nexpects > 0)
		return false;
	if (!early && s->t.accepted == 0) {
		session_state(s, S_READY);
		return false;
	}
	s->t.next = T_SENT;
	if (s->t.form == BODY_DATA)
		say(s, STR("DATA\r\n"), STEP_DATA, ANYBODY);
	else
		send_content(s);
	return false;
}

static bool send_nothing(struct session *s)
{
	(void)s;
	return false;
}

void transaction_pump(struct session *s)
{
	static bool (*const send[])(struct session *) = {
		[T_RSET] = send_rset,
		[T_MAIL] = send_mail,
		[T_RCPT] = send_rcpt,
		[T_DATA] = send_data,
		[T_SENT] = send_nothing,
	};

	if (s->state == S_CONTENT)
		transaction_drained(s);
	while (s->state == S_ENVELOPE && (s->caps.pipelining || s->nexpects == 0) &&
	       send[s->t.next](s))
		;
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool yes(const struct reply *r)
{
	return r->code / 100 == 2;
}

/* The server's side is in a state that we do not know. */
void transaction_rset(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct status st;

	(void)rcpt;
	if (yes(r))
		return;
	session_reply_status(s, r, STEP_RSET, &st);
	session_fail(s, &st);
}

void transaction_mail(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct status st;

	(void)rcpt;
	if (yes(r))
		return;
	s->t.refused = true;
	s->t.next = s->t.next == T_SENT ? T_SENT : T_DATA;
	session_reply_status(s, r, STEP_MAIL, &st);
	settle_all(s, RCPT_CHOSEN, RCPT_ACCEPTED, &st);
}

/*
 * Not this recipient, but one more recipient is what the server does not want (RFC 5321 4.5.3.1.10,
 * which also knows a 552 from old servers): it gets a transaction of its own.
 */
static bool too_many(const struct session *s, const struct reply *r)
{
	if (s->t.accepted == 0 || (r->code != 452 && r->code != 552))
		return false;
	return r->enhanced[0] == '\0' || strcmp(r->enhanced + 1, ".5.3") == 0;
}

void transaction_rcpt(struct session *s, const struct reply *r, uint32_t rcpt)
{
	enum rcpt_state *state = &s->job->state[rcpt];
	struct status st;

	if (*state != RCPT_SENT)
		return;
	if (yes(r)) {
		*state = RCPT_ACCEPTED;
		s->t.accepted++;
	} else if (too_many(s, r)) {
		*state = RCPT_PENDING;
	} else {
		session_reply_status(s, r, STEP_RCPT, &st);
		settle(s, rcpt, &st);
	}
}

/* RFC 2920 3.1: whoever said DATA too early and got a 354 must send a message, be it an empty one.
 */
static void send_void(struct session *s)
{
	s->t.void_data = true;
	session_state(s, S_FINAL);
	say(s, STR(".\r\n"), STEP_FINAL, ANYBODY);
}

void transaction_data(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct status st;

	(void)rcpt;
	if (r->code == 354) {
		if (s->t.accepted > 0)
			send_content(s);
		else
			send_void(s);
		return;
	}
	session_reply_status(s, r, STEP_DATA, &st);
	settle_all(s, RCPT_ACCEPTED, RCPT_ACCEPTED, &st);
	session_state(s, S_READY);
}

/*
 * RFC 5321 4.2.4: it does not know the command that it has offered. Nothing of the message has been taken,
 * so it can go by DATA.
 */
static bool unknown_bdat(struct session *s, const struct reply *r)
{
	if (s->t.form != BODY_BDAT || r->code < 500 || r->code > 504 || s->last ||
	    s->hop->transport == TRANSPORT_LMTP ||
	    (r->enhanced[0] != '\0' && strncmp(r->enhanced, "5.5.", 4) != 0))
		return false;
	if (!quirks_found(QUIRK_CHUNKING, &s->ip, r->text))
		return false;
	session_again(s);
	return true;
}

/* The whole message has been taken. */
static void all_went_well(struct session *s)
{
	if (s->t.burst)
		quirks_worked(QUIRK_PIPELINING, &s->ip, s->site->port);
	else if (s->trial && quirks_suspected(QUIRK_PIPELINING, &s->ip, s->site->port))
		quirks_found(QUIRK_PIPELINING, &s->ip,
		    "connections were lost with pipelined commands, and mail goes without");
}

void transaction_chunk(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct status st;

	(void)rcpt;
	if (yes(r) || unknown_bdat(s, r))
		return;
	session_reply_status(s, r, STEP_CHUNK, &st);
	settle_all(s, RCPT_ACCEPTED, RCPT_ACCEPTED, &st);
	/* chunks that are on their way would get answers of their own */
	session_fail(s, &st);
}

void transaction_final(struct session *s, const struct reply *r, uint32_t rcpt)
{
	struct status st;

	if (unknown_bdat(s, r))
		return;
	session_reply_status(s, r, STEP_FINAL, &st);
	if (s->state == S_CONTENT || s->conn.out.n > 0) {
		if (yes(r))
			status_set(&st, 451, "4.5.0", "%s said %d before the end of the message",
			    s->relay, r->code);
		settle_all(s, RCPT_ACCEPTED, RCPT_ACCEPTED, &st);
		session_fail(s, &st);
		return;
	}
	if (yes(r))
		all_went_well(s);
	if (rcpt != ANYBODY)
		settle(s, rcpt, &st);
	else if (!s->t.void_data)
		settle_all(s, RCPT_ACCEPTED, RCPT_ACCEPTED, &st);
	if (s->nexpects > 0)
		return;
	s->need_rset = false;
	session_state(s, S_READY);
}
