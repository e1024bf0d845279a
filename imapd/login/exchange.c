/* The SASL exchange of a connection: sasl is asked, and what it answers becomes what the client hears. */
#include "client.h"

#include <string.h>

#include "base/base64.h"
#include "proto/proc.h"
#include "proto/types.h"

static const char no_message[] = "BAD That is no message of this mechanism";

void exchange_cancel(struct client *c)
{
	struct put w = put_start();

	if (c->state != CLIENT_SASL && c->state != CLIENT_CHECKING)
		return;
	put_u64(&w, c->trace.trace);
	chan_send(proc_peer(ROLE_SASL), SASL_CANCEL, &w, NULL, 0);
}

static void delayed(void *arg)
{
	client_resume(arg, "NO [AUTHENTICATIONFAILED] Wrong login or password");
}

/* However it was found wrong, and however fast: the answer takes the same time. */
static void fail(struct client *c)
{
	uint64_t due = c->asked + login_settings.failure_delay, now = loop_now();

	c->state = CLIENT_FAILING;
	timer_set(&c->delay, due > now ? due - now : 0, delayed, c);
}

static void challenge(struct client *c, struct str data)
{
	char text[BASE64_SIZE(SASL_MESSAGE_MAX)];

	c->state = CLIENT_SASL;
	conn_resume(&c->conn);
	conn_printf(&c->conn, "+ %.*s\r\n", (int)base64_encode(data, text), text);
}

static void accepted(struct client *c)
{
	c->state = CLIENT_HANDING;
	if (c->conn.out.n == 0)
		handover_begin(c);
}

/* sasl is content. */
static void proved(struct client *c, const struct sasl_answer *answer)
{
	memcpy(c->nonce, answer->nonce, sizeof c->nonce);
	c->proved = answer->data.n > 0;
	if (c->proved)
		challenge(c, answer->data);
	else
		accepted(c);
}

/* What the client says to the mechanism's last word. */
static void conclude(struct client *c, struct str message)
{
	c->proved = false;
	if (message.n > 0) {
		client_resume(c, no_message);
		return;
	}
	conn_pause(&c->conn);
	accepted(c);
}

static void on_answer(struct ask *a, struct ipc_msg *m)
{
	struct client *c = a->arg;
	struct sasl_answer answer = { .verdict = SASL_LATER };

	if (m == NULL) {
		exchange_cancel(c); /* or the next one would have its number */
	} else {
		struct get g = get_start(m->body);

		if (get_sasl_answer(&g, &answer) == -1)
			answer.verdict = SASL_LATER;
	}
	switch ((enum sasl_verdict)answer.verdict) {
	case SASL_CONTINUE:
		challenge(c, answer.data);
		break;
	case SASL_OK:
		proved(c, &answer);
		break;
	case SASL_REFUSED:
		fail(c);
		break;
	case SASL_MALFORMED:
		client_resume(c, no_message);
		break;
	case SASL_UNKNOWN_MECHANISM:
		client_resume(
		    c, answer.status.code == 538
			   ? "NO [PRIVACYREQUIRED] Passwords are not taken over this connection"
			   : "NO There is no such mechanism here");
		break;
	default:
		client_resume(c, "NO [UNAVAILABLE] Logins are not possible now, try again later");
	}
}

static void ask_sasl(struct client *c, uint16_t type, struct put *w)
{
	c->state = CLIENT_CHECKING;
	conn_pause(&c->conn);
	chan_ask(proc_peer(ROLE_SASL), &c->ask, type, w, NULL, 0, SASL_DEADLINE, on_answer, c);
	explicit_bzero(w->p, w->n);
}

static void begin(struct client *c, struct str tag)
{
	memcpy(c->tag, tag.p, tag.n);
	c->tag[tag.n] = '\0';
	c->asked = loop_now();
}

void exchange_begin(
    struct client *c, struct str tag, struct str mechanism, const struct str *initial)
{
	uint8_t exporter[SASL_EXPORTER_BYTES];
	struct put w = put_start();
	struct sasl_start s = { .trace = c->trace.trace,
		.id = c->trace.trace,
		.mechanism = str_take(mechanism, SASL_NAME_MAX), /* known ones are shorter */
		.has_initial = initial != NULL,
		.initial = initial != NULL ? *initial : STR_NONE,
		.secure = c->private,
		.certificate = secure_peer(&c->conn) };

	s.client = str_of(c->address);
	if (conn_tls_exporter(&c->conn, exporter) == 0)
		s.exporter = str_bytes(exporter, sizeof exporter);
	begin(c, tag);
	put_sasl_start(&w, &s);
	ask_sasl(c, SASL_START, &w);
}

void exchange_message(struct client *c, const struct str *message)
{
	struct put w = put_start();

	c->asked = loop_now();
	if (message == NULL) {
		exchange_cancel(c);
		c->proved = false;
		client_resume(c, "BAD Cancelled, or not base64");
		return;
	}
	if (c->proved) {
		conclude(c, *message);
		return;
	}
	put_sasl_more(&w, &(struct sasl_more){ .id = c->trace.trace, .data = *message });
	ask_sasl(c, SASL_MORE, &w);
}

void exchange_fails(struct client *c, struct str tag)
{
	log_notice(&c->trace, EV("imap-login-malformed"), KZ("client", c->address));
	begin(c, tag);
	conn_pause(&c->conn);
	fail(c);
}
