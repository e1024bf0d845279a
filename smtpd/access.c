/* Questions to lookup. See access.h. */
#include "access.h"

#include "peers.h"
#include "proto/types.h"

static struct access_question question(const struct session *s, struct str rcpt)
{
	return (struct access_question){
		.trace = s->tag.trace,
		.listener = str_of(s->listener),
		.client = str_of(s->client),
		.helo = str_of(s->helo),
		.login = str_of(s->login),
		.sender = s->transaction != NULL ? s->transaction->envelope.sender : STR_NONE,
		.rcpt = rcpt,
		.trusted = s->service == SERVICE_LOCAL,
		.submission = session_is_submission(s),
		.name = str_of(s->name),
		.listed = str_of(s->listed),
		.name_state = s->name_state,
	};
}

static void answered(struct ask *ask, struct ipc_msg *m)
{
	struct session *s = ask->arg;
	struct access_answer a = { 0 };
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || get_access_answer(&g, &a) == -1) {
		a = (struct access_answer){ .rule = STR("lookup-failed") };
		status_set(&a.status, 451, "4.3.0", "temporary lookup failure, try again later");
	}
	session_answer(s);
	s->answered(s, &a);
	session_go_on(s);
}

static void ask(struct session *s, uint16_t type, struct put *w,
    void (*fn)(struct session *s, const struct access_answer *a))
{
	s->answered = fn;
	session_wait(s);
	chan_ask(peer(ROLE_LOOKUP), &s->ask, type, w, NULL, 0, TIME_LOOKUP, answered, s);
}

void access_ask_senders(struct session *s, const struct str *addresses, uint32_t n,
    void (*fn)(struct session *s, const struct access_answer *a))
{
	struct sender_question q = { .trace = s->tag.trace, .login = str_of(s->login) };
	struct put w = put_start();

	for (; q.n < n && q.n < SENDERS_MAX; q.n++)
		q.addresses[q.n] = addresses[q.n];
	put_sender_question(&w, &q);
	ask(s, LOOKUP_SENDER, &w, fn);
}

/* What is known of the connection, and of who is at its other end. */
static void add_tls(const struct session *s, struct access_question *q,
    char certificate[FINGERPRINT_TEXT], char key[FINGERPRINT_TEXT])
{
	const struct tls_facts *f = conn_tls(&s->conn);

	if (f == NULL)
		return;
	q->tls = secure_text(&s->conn);
	if (!f->shown)
		return;
	q->peer = secure_peer(&s->conn);
	q->certificate = secure_fingerprint(f->certificate, certificate);
	q->key = secure_fingerprint(f->fingerprint, key);
}

void access_ask(struct session *s, uint16_t type, struct str rcpt,
    void (*fn)(struct session *s, const struct access_answer *a))
{
	char certificate[FINGERPRINT_TEXT], key[FINGERPRINT_TEXT];
	struct access_question q = question(s, rcpt);
	struct put w = put_start();

	add_tls(s, &q, certificate, key);
	put_access_question(&w, &q);
	ask(s, type, &w, fn);
}
