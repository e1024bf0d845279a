/*
 * DATA and BDAT: the content.
 *
 * Before its first byte the session needs a body; a message that turns out to be large needs a
 * large one from the queue. Both may have to be waited for, and everything goes on where it
 * stopped.
 */
#include "access.h"
#include "command.h"
#include "content.h"
#include "input.h"
#include "limits.h"
#include "peers.h"
#include "proto/queue.h"
#include "proto/types.h"
#include "received.h"

/* --- a body ----------------------------------------------------------------------------------- */

static void body_came(struct body_wait *w, struct body *b)
{
	struct session *s = (struct session *)((char *)w - offsetof(struct session, body_wait));

	session_answer(s);
	s->got_body(s, b);
	session_go_on(s);
}

/* Calls fn with a body, at once or later; with NULL when there is no queue. */
static void want_body(struct session *s, void (*fn)(struct session *s, struct body *b))
{
	struct body *b = body_take();

	if (b != NULL || peer(ROLE_QUEUE) == NULL) {
		fn(s, b);
		return;
	}
	s->got_body = fn;
	session_wait(s);
	body_wait(&s->body_wait, body_came);
}

/* Content comes now, by DATA (stuffed) or BDAT. Without a body it will be thrown away. */
static void begin_content(struct session *s, struct body *b, bool stuffed)
{
	const struct settings *set = settings();
	struct transaction *t = s->transaction;
	bool first = s->service == SERVICE_LOCAL || session_is_submission(s);
	struct content_rules rules = {
		.normalise = first || networks_match(&set->normalise, &s->ip),
		.add_missing = first,
		.read_authors = session_binds_sender(s),
		.size_limit = session_offer(s)->size_limit,
		.hops = set->hops,
		.hostname = set->hostname,
	};
	struct buf field;

	content_start(t, &rules, stuffed);
	if (b == NULL) {
		status_set(&t->content->fault, 451, "4.3.0",
		    "the queue is not available, try again later");
		return;
	}
	t->body = b;
	s->tag.queue = b->id;
	buf_init(&field, 4096);
	received_field(&field, &t->envelope,
	    &(struct received){ .host = set->hostname,
		.name = s->name,
		.queue_id = b->id,
		.tls = conn_tls(&s->conn),
		.hidden = session_is_submission(s) && set->hide_client });
	content_trace(t, buf_view(&field));
	buf_clear(&field);
}

/* --- what became of a piece ------------------------------------------------------------------- */

static void proceed(struct session *s, enum content_result r);

/* The transaction is over without a message. */
static void fail(struct session *s, struct str rule)
{
	const struct status *fault = &s->transaction->content->fault;

	session_log_refusal(s, EV("data-refused"), STR_NONE, fault, rule);
	message_reply(s, fault);
	session_clear_transaction(s);
	session_to(s, S_READY);
}

static void authors_answered(struct session *s, const struct access_answer *a)
{
	if (status_good(&a->status)) {
		commit(s);
		return;
	}
	s->transaction->content->fault = a->status;
	fail(s, a->rule);
}

/* The message is there. Whom it names as its authors is asked about, but for the envelope's sender.
 */
static void finish(struct session *s)
{
	struct transaction *t = s->transaction;
	const struct authors *authors = &t->content->authors;
	struct str left[SENDERS_MAX];
	uint32_t n = 0;

	if (!content_good(t)) {
		fail(s, STR_NONE);
		return;
	}
	for (uint32_t i = 0; i < authors->n; i++) {
		if (!str_eq(authors->addresses[i], t->envelope.sender))
			left[n++] = authors->addresses[i];
	}
	if (n > 0)
		access_ask_senders(s, left, n, authors_answered);
	else
		commit(s);
}

static void take_large(struct transaction *t, struct ipc_msg *m)
{
	struct status st = { 0 };
	struct get g;
	int fd = -1;

	if (m != NULL) {
		g = get_start(m->body);
		get_status(&g, &st);
		fd = ipc_take_fd(m, 0);
	}
	if (m == NULL || get_end(&g) == -1 || status_good(&st) != (fd != -1) || st.code == 0)
		status_set(&st, 451, "4.3.0", "the queue is not available, try again later");
	if (status_good(&st) && body_enlarge(t->body, &fd) == -1)
		status_set(&st, 452, "4.3.1", "insufficient system storage, try again later");
	if (!status_good(&st))
		t->content->fault = st;
	content_enlarged(t);
}

static void large_answered(struct ask *ask, struct ipc_msg *m)
{
	struct session *s = ask->arg;

	session_answer(s);
	take_large(s->transaction, m);
	proceed(s, s->transaction->content->ended ? CONTENT_END : CONTENT_MORE);
	session_go_on(s);
}

static void ask_large(struct session *s)
{
	struct transaction *t = s->transaction;
	struct queue_large l = { .trace = s->tag.trace, .id = t->body->id, .expected = t->size };
	struct put w = put_start();

	put_large(&w, &l);
	t->body->dirty = true; /* from here on the memfd is void */
	session_wait(s);
	chan_ask(
	    peer(ROLE_QUEUE), &s->ask, QUEUE_LARGE, &w, NULL, 0, TIME_LARGE, large_answered, s);
}

static void chunk_complete(struct session *s)
{
	const struct status *fault = &s->transaction->content->fault;

	if (s->chunk_last) {
		proceed(s, content_last(s->transaction));
		return;
	}
	session_to(s, S_CHUNKED);
	if (fault->code != 0)
		session_refuse(s, fault->code, fault->enhanced, "%s", fault->text);
	else
		session_say(s, STR("250 2.0.0 chunk received\r\n"));
}

static void proceed(struct session *s, enum content_result r)
{
	const char *host = settings()->hostname;

	switch (r) {
	case CONTENT_MORE:
		if (s->state == S_CHUNK && s->chunk == 0)
			chunk_complete(s);
		break;
	case CONTENT_END:
		finish(s);
		break;
	case CONTENT_BARE:
		session_end(s, EV("bare-line-end"), 550, "5.5.2",
		    "%s bare <CR> or <LF> received, lines end with <CR><LF>", host);
		break;
	case CONTENT_LARGE:
		ask_large(s);
		break;
	case CONTENT_ENDLESS:
		session_end(s, EV("endless-message"), 552, "5.3.4", "%s message too big", host);
		break;
	}
}

/* --- DATA ------------------------------------------------------------------------------------- */

static void data_begin(struct session *s, struct body *b)
{
	begin_content(s, b, true);
	if (b == NULL) {
		const struct status *fault = &s->transaction->content->fault;

		session_reply(s, fault->code, fault->enhanced, "%s", fault->text);
		session_clear_transaction(s);
		session_to(s, S_READY);
		return;
	}
	session_to(s, S_DATA);
	session_say(s, STR("354 end data with <CR><LF>.<CR><LF>\r\n"));
}

void cmd_data(struct session *s, struct str arg)
{
	if (arg.n > 0)
		session_refuse(s, 501, "5.5.4", "DATA takes no argument");
	else
		want_body(s, data_begin);
}

void data_input(struct session *s, struct str *in)
{
	proceed(s, content_feed(s->transaction, in));
}

/* --- BDAT ------------------------------------------------------------------------------------- */

static void chunk_begin(struct session *s, struct body *b)
{
	begin_content(s, b, false);
	if (s->chunk == 0)
		chunk_complete(s);
}

static void refused_chunk_complete(struct session *s)
{
	s->chunk_refused = false;
	session_to(s, s->after_chunk);
	session_refuse(s, 503, "5.5.1", "no recipient was accepted");
}

/* "1000" or "1000 LAST" */
static int parse_chunk(struct session *s, struct str arg)
{
	struct str size, last;

	s->chunk_last = false;
	if (!str_word(&arg, &size) || str_u64(size, INT64_MAX, &s->chunk) == -1)
		return -1;
	if (!str_word(&arg, &last))
		return 0;
	s->chunk_last = true;
	return str_caseeq(last, STR("LAST")) && arg.n == 0 ? 0 : -1;
}

/* Tiny chunks without end cost us more than the client. */
static bool chunks_too_small(struct transaction *t)
{
	uint64_t got = t->content == NULL ? 0 : t->content->received;

	return ++t->chunks > LIMIT_SMALL_CHUNKS && got / t->chunks < LIMIT_CHUNK_AVERAGE;
}

void cmd_bdat(struct session *s, struct str arg)
{
	const struct settings *set = settings();

	/* where the chunk ends is not known then, so nothing behind it can be trusted */
	if (parse_chunk(s, arg) == -1) {
		session_end(s, EV("bad-chunk"), 501, "5.5.4", "%s say BDAT and a number of bytes",
		    set->hostname);
		return;
	}
	if (s->chunk > session_offer(s)->size_limit + LIMIT_DISCARD) {
		session_end(
		    s, EV("endless-message"), 552, "5.3.4", "%s message too big", set->hostname);
		return;
	}
	s->chunk_refused = (s->state & (S_RCPT | S_CHUNKED)) == 0;
	s->after_chunk = s->state;
	if (!s->chunk_refused && chunks_too_small(s->transaction)) {
		session_end(
		    s, EV("tiny-chunks"), 421, "4.7.0", "%s chunks are too small", set->hostname);
		return;
	}
	session_to(s, S_CHUNK);
	if (s->chunk_refused && s->chunk == 0)
		refused_chunk_complete(s);
	else if (!s->chunk_refused && s->transaction->content == NULL)
		want_body(s, chunk_begin);
	else if (s->chunk == 0)
		chunk_complete(s);
}

void chunk_input(struct session *s, struct str *in)
{
	struct str piece = str_take(*in, s->chunk < in->n ? (size_t)s->chunk : in->n);

	*in = str_skip(*in, piece.n);
	s->chunk -= piece.n;
	if (!s->chunk_refused)
		proceed(s, content_feed(s->transaction, &piece));
	else if (s->chunk == 0)
		refused_chunk_complete(s);
}
