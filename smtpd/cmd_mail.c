/* MAIL and RCPT: the envelope. */
#include <string.h>
#include <time.h>

#include "access.h"
#include "command.h"
#include "limits.h"
#include "names.h"
#include "mail/address.h"
#include "mail/utf8.h"
#include "params.h"
#include "peers.h"
#include "proto/types.h"

/* --- addresses -------------------------------------------------------------------------------- */

static void refuse_address(struct session *s, enum address_error e, const char *enhanced)
{
	if (e == ADDRESS_NOT_ASCII)
		session_refuse(s, 553, "5.6.7", "bad address: %s", address_error_text(e));
	else
		session_refuse(s, e == ADDRESS_NO_LOCAL ? 553 : 501, enhanced, "bad address: %s",
		    address_error_text(e));
}

/* A path in its brackets, or without, as some devices send it. */
static enum address_error take_address(struct str *arg, unsigned flags, struct address *a)
{
	struct str word;

	if (arg->n > 0 && arg->p[0] == '<')
		return address_path(arg, flags, a);
	if (!str_word(arg, &word))
		return ADDRESS_SYNTAX;
	return address_parse(word, flags, a);
}

/*
 * Takes "FROM:<path>" from the start of *arg. *utf8 says that it is internationalised, which needs
 * a word of the client's: RFC 6531 3.4.
 */
static enum address_error take_path(
    struct str *arg, struct str keyword, unsigned flags, struct address *a, bool *utf8)
{
	enum address_error e;
	struct str path;

	if (!str_casestarts(*arg, keyword))
		return ADDRESS_SYNTAX;
	*arg = str_skip(*arg, keyword.n);
	while (arg->n > 0 && arg->p[0] == ' ')
		*arg = str_skip(*arg, 1);
	path = *arg;
	e = take_address(arg, flags | ADDRESS_UTF8 | ADDRESS_BARE, a);
	*utf8 = !str_is_ascii(str_take(path, path.n - arg->n));
	return e;
}

/* An address without a domain gets ours, if the client is one of us or asks for the postmaster. */
static enum address_error complete(
    const struct session *s, bool rcpt, const struct address *a, struct address *full)
{
	char local[LOCAL_MAX];
	size_t n;

	if (a->domain.n > 0 || a->text.n == 0) {
		/* canonical as it is; parsed once more because an address cannot be copied */
		return a->text.n == 0 ? ADDRESS_OK : address_parse(a->text, ADDRESS_UTF8, full);
	}
	if (!s->trusted && !session_authenticated(s) &&
	    !(rcpt && str_caseeq(a->local, STR("postmaster"))))
		return ADDRESS_NO_DOMAIN;
	n = address_unquote(a->local, local);
	return address_make(str_bytes(local, n), str_of(settings()->origin), ADDRESS_UTF8, full);
}

/* --- MAIL ------------------------------------------------------------------------------------- */

static void refuse_message(struct session *s, const struct status *st, struct str rule)
{
	session_log_refusal(s, EV("mail-refused"), STR_NONE, st, rule);
	if (st->code >= 500)
		session_refuse(s, st->code, st->enhanced, "%s", st->text);
	else
		session_reply(s, st->code, st->enhanced, "%s", st->text);
}

/* What speaks against any message now: -1 with the reason. */
static int message_possible(struct session *s, struct status *st)
{
	const struct settings *set = settings();

	if (peer(ROLE_QUEUE) == NULL)
		return status_set(st, 451, "4.3.0", "the queue is not available, try again later");
	if (body_room() == 0)
		return status_set(st, 452, "4.3.1", "insufficient system storage, try again later");
	if (s->counts != NULL && set->client_message_rate != 0 &&
	    client_count(s->counts, CLIENT_MESSAGE, loop_now()) > set->client_message_rate)
		return status_set(
		    st, 450, "4.7.1", "too many messages from %s, try again later", s->client);
	return 0;
}

/* RFC 4865 4 */
static int release_possible(const struct transaction *t, struct status *st)
{
	int64_t most = (int64_t)(settings()->hold_limit / 1000);

	if (t->envelope.hold_for > most ||
	    (t->envelope.hold_for == 0 && t->envelope.release > time(NULL) + most))
		return status_set(st, 501, "5.5.4",
		    "messages are kept back for %lld seconds at most", (long long)most);
	return 0;
}

static int size_possible(const struct transaction *t, uint64_t limit, struct status *st)
{
	if (t->size > limit)
		return status_set(st, 552, "5.3.4", "message size exceeds the limit of %llu bytes",
		    (unsigned long long)limit);
	if (t->size > body_room())
		return status_set(st, 452, "4.3.1", "insufficient system storage, try again later");
	return 0;
}

/* RFC 3848, RFC 6531 4.3 */
static const char *protocol(const struct session *s, bool utf8)
{
	/* [LMTP][internationalised][encrypted][authenticated] */
	static const char *const names[2][2][2][2] = {
		{ { { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
		    { { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } } },
		{ { { "LMTP", "LMTPA" }, { "LMTPS", "LMTPSA" } },
		    { { "UTF8LMTP", "UTF8LMTPA" }, { "UTF8LMTPS", "UTF8LMTPSA" } } },
	};

	if (!s->esmtp && !session_is_lmtp(s))
		return "SMTP";
	return names[session_is_lmtp(s)][utf8][session_secure(s)][session_authenticated(s)];
}

static void fill_envelope(const struct session *s, struct transaction *t, struct str sender)
{
	struct envelope *e = &t->envelope;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	e->trace = s->tag.trace;
	e->arrival = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	e->sender = arena_str(&t->arena, sender);
	e->client = arena_str(&t->arena, str_of(s->client));
	e->helo = arena_str(&t->arena, str_of(s->helo));
	e->login = arena_str(&t->arena, str_of(s->login));
	e->listener = str_of(s->listener);
	e->protocol = str_of(protocol(s, e->utf8));
}

static void accept_sender(struct session *s)
{
	session_to(s, S_MAIL);
	session_say(s, STR("250 2.1.0 Ok\r\n"));
}

static void sender_answered(struct session *s, const struct access_answer *a)
{
	if (status_good(&a->status)) {
		accept_sender(s);
		return;
	}
	refuse_message(s, &a->status, a->rule);
	session_clear_transaction(s);
}

static unsigned params_offered(const struct session *s)
{
	return (session_is_submission(s) && settings()->hold_limit > 0 ? PARAMS_RELEASE : 0u) |
	       (session_requires_tls(s) ? PARAMS_REQUIRETLS : 0u) |
	       (session_is_submission(s) ? PARAMS_AUTH : 0u);
}

void cmd_mail(struct session *s, struct str arg)
{
	const struct settings *set = settings();
	struct transaction *t;
	struct address a, full;
	struct status st;
	enum address_error e;
	bool utf8;

	if (session_is_submission(s) && !session_authenticated(s)) {
		session_refuse(s, 530, "5.7.0", "log in first");
		return;
	}
	if (s->messages >= set->messages) {
		session_end(s, EV("message-limit"), 421, "4.5.3",
		    "%s enough messages for one connection", set->hostname);
		return;
	}
	e = take_path(&arg, STR("FROM:"), ADDRESS_NULL, &a, &utf8);
	full.text = STR_NONE;
	if (e == ADDRESS_OK)
		e = complete(s, false, &a, &full);
	if (e != ADDRESS_OK) {
		refuse_address(s, e, "5.1.7");
		return;
	}
	t = transaction_new();
	if (params_mail(t, arg, params_offered(s), &st) == -1) {
		session_refuse(s, st.code, st.enhanced, "%s", st.text);
	} else if (utf8 && !t->envelope.utf8) {
		refuse_address(s, ADDRESS_NOT_ASCII, "5.1.7");
	} else if (release_possible(t, &st) == -1) {
		session_refuse(s, st.code, st.enhanced, "%s", st.text);
	} else if (message_possible(s, &st) == -1 ||
		   size_possible(t, session_offer(s)->size_limit, &st) == -1) {
		refuse_message(s, &st, STR_NONE);
	} else {
		fill_envelope(s, t, full.text);
		s->transaction = t;
		if (session_binds_sender(s) && t->envelope.sender.n > 0)
			access_ask_senders(s, &t->envelope.sender, 1, sender_answered);
		else
			accept_sender(s);
		return;
	}
	transaction_free(t);
}

/* --- RCPT ------------------------------------------------------------------------------------- */

static void log_action(struct session *s, const struct action *a)
{
	const struct transaction *t = s->transaction;

	log_info(&s->tag, EV("rcpt-action"), KZ("client", s->client), KZ("helo", s->helo),
	    KS("from", t->envelope.sender), KS("to", t->asked.addr),
	    KS("protocol", t->envelope.protocol), KZ("action", action_name(a->kind)),
	    KS("value", a->value), KS("rule", a->rule));
}

/* What rules want of the message on account of this recipient; -1 when that is too much. */
static int take_actions(struct session *s, const struct access_answer *a)
{
	for (uint32_t i = 0; i < a->nactions; i++) {
		switch (transaction_act(s->transaction, &a->actions[i])) {
		case ACTION_TAKEN:
			log_action(s, &a->actions[i]);
			break;
		case ACTION_KNOWN:
			break;
		case ACTION_TOO_MUCH:
			return -1;
		}
	}
	return 0;
}

static void rcpt_answered(struct session *s, const struct access_answer *a)
{
	struct transaction *t = s->transaction;
	const struct status *st = &a->status;
	struct status too_much;

	if (status_good(st) && take_actions(s, a) == -1) {
		status_set(&too_much, 452, "4.5.3",
		    "too many recipients with rules of their own, send another message");
		st = &too_much;
	}
	if (status_good(st)) {
		transaction_add(t);
		t->outgoing += a->outgoing;
		if (a->outgoing) {
			t->per_hour = a->per_hour;
			t->per_day = a->per_day;
			if (t->charged.n == 0)
				t->charged = arena_str(&t->arena, a->charged);
		}
		session_to(s, S_RCPT);
		session_say(s, STR("250 2.1.5 Ok\r\n"));
		return;
	}
	session_log_refusal(s, EV("rcpt-refused"), t->asked.addr, st, a->rule);
	if (st->code >= 400 && st->code < 500)
		session_reply(s, st->code, st->enhanced, "%s", st->text);
	else
		session_refuse(s, st->code, st->enhanced, "%s", st->text);
}

static bool no_recipient_now(struct session *s)
{
	const struct settings *set = settings();
	unsigned most = session_offer(s)->recipients;

	if (s->transaction->envelope.nrcpts >= most) {
		session_reply(s, 452, "4.5.3", "too many recipients, the limit is %u", most);
		return true;
	}
	if (s->counts != NULL && set->client_recipient_rate != 0 &&
	    client_count(s->counts, CLIENT_RCPT, loop_now()) > set->client_recipient_rate) {
		session_refuse(
		    s, 450, "4.7.1", "too many recipients from %s, try again later", s->client);
		return true;
	}
	return false;
}

static void ask_recipient(struct session *s)
{
	access_ask(s, LOOKUP_RCPT, s->transaction->asked.addr, rcpt_answered);
}

void cmd_rcpt(struct session *s, struct str arg)
{
	struct transaction *t = s->transaction;
	struct address a, full;
	struct status st;
	bool utf8;
	enum address_error e = take_path(&arg, STR("TO:"), 0, &a, &utf8);

	if (e == ADDRESS_OK)
		e = complete(s, true, &a, &full);
	if (e == ADDRESS_OK && utf8 && !t->envelope.utf8)
		e = ADDRESS_NOT_ASCII;
	if (e != ADDRESS_OK) {
		refuse_address(s, e, "5.1.3");
		return;
	}
	t->asked = (struct envelope_rcpt){ .addr = STR_NONE, .orcpt = STR_NONE };
	if (params_rcpt(t, arg, &st) == -1) {
		session_refuse(s, st.code, st.enhanced, "%s", st.text);
		return;
	}
	memcpy(t->asked_addr, full.text.p, full.text.n);
	t->asked.addr = str_bytes(t->asked_addr, full.text.n);
	if (transaction_has(t, t->asked.addr)) {
		session_say(s, STR("250 2.1.5 Ok\r\n"));
		return;
	}
	if (!no_recipient_now(s) && !name_wait(s, ask_recipient))
		ask_recipient(s);
}
