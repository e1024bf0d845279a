/* The end of a message: COMMIT to the queue, and what it answers to the client. */
#include <unistd.h>

#include "command.h"
#include "limits.h"
#include "peers.h"
#include "proto/queue.h"
#include "proto/types.h"

/* LMTP answers once per accepted recipient: RFC 2033 4.2. */
void message_reply(struct session *s, const struct status *st)
{
	uint32_t n = session_is_lmtp(s) ? s->transaction->envelope.nrcpts : 1;

	for (uint32_t i = 0; i < n; i++)
		session_reply(s, st->code, st->enhanced, "%s", st->text);
}

static void read_answer(struct ipc_msg *m, struct status *st)
{
	struct queue_answer a;
	struct get g;
	int fd;

	status_set(st, 451, "4.3.0", "the queue is not available, try again later");
	if (m == NULL)
		return;
	g = get_start(m->body);
	fd = ipc_take_fd(m, 0);
	if (get_queue_answer(&g, &a) == -1 || (a.fresh != 0) != (fd != -1)) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (fd != -1)
		body_add(a.fresh, &fd);
	if (a.status.code != 0)
		*st = a.status;
}

static void log_outcome(struct session *s, const struct status *st)
{
	const struct transaction *t = s->transaction;
	const struct envelope *e = &t->envelope;
	const struct content *c = t->content;

	if (status_good(st))
		log_info(&s->tag, EV("mail-accepted"), KS("client", e->client),
		    KZ("client_name", s->name), KS("helo", e->helo), KS("login", e->login),
		    KS("protocol", e->protocol), KS("tls", secure_text(&s->conn)),
		    KS("message_id", str_bytes(c->message_id, c->message_id_n)));
	else
		session_log_refusal(s, EV("data-refused"), STR_NONE, st, STR_NONE);
}

static void answered(struct ask *ask, struct ipc_msg *m)
{
	struct session *s = ask->arg;
	struct transaction *t = s->transaction;
	struct status st;

	session_answer(s);
	read_answer(m, &st);
	log_outcome(s, &st);
	body_done(t->body);
	t->body = NULL;
	if (s->conn.fd == -1) {
		session_outlived(s);
		return;
	}
	message_reply(s, &st);
	session_clear_transaction(s);
	s->idle_commands = 0;
	session_to(s, S_READY);
	session_go_on(s);
}

/*
 * All but the last part are notices; when one cannot be sent, neither can the rest, and the request
 * ends without an answer.
 */
void commit(struct session *s)
{
	struct transaction *t = s->transaction;
	struct queue_commit q = {
		.id = t->body->id,
		.size = t->body->size,
		.envelope = t->envelope,
		.edits = t->edits,
		.nedits = t->nedits,
		.outgoing = t->outgoing,
		.per_hour = t->per_hour,
		.per_day = t->per_day,
		.charged = t->charged,
	};
	struct chan *c = t->body->lost ? NULL : peer(ROLE_QUEUE);
	struct put w = put_start();
	uint32_t from = 0;

	s->messages++;
	session_to(s, S_COMMIT);
	session_wait(s);
	put_commit(&w, &q, &from);
	while (from < t->envelope.nrcpts && c != NULL) {
		if (chan_send(c, QUEUE_COMMIT, &w, NULL, 0) == -1)
			c = NULL;
		w = put_start();
		put_commit(&w, &q, &from);
	}
	chan_ask(c, &s->ask, QUEUE_COMMIT, &w, NULL, 0, TIME_COMMIT, answered, s);
}
