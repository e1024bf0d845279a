/*
 * One connection before authentication.
 *
 *	COMMAND -> CHECKING -> HANDING -> LEAVING
 *	            |  |  |       |
 *	         SASL  |  |       +-> COMMAND
 *	               |  +-> FAILING -> COMMAND
 *	               +-> COMMAND
 *
 * Under TLS it is RELAYED instead of LEAVING: the session gets one end of a socket pair, and both talk
 * through here (relay.c).
 *
 * While sasl or spawn is asked nothing is read, so everything behind the login command stays in
 * `in` and in the socket, and goes to the session. ENDING is entered from any state and left by
 * closing.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/id.h"
#include "proto/proc.h"
#include "proto/types.h"

static const char no_message[] = "BAD That is no message of this mechanism";

enum {
	CAPABILITIES_MAX = 1024,
	HANDOVER_DEADLINE = 30 * 1000,
	LAST_WORDS = 5 * 1000, /* ms for BYE to be taken */
};

struct login_settings login_settings;
static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static unsigned nclients;
static void (*on_idle)(void); /* draining */

unsigned clients_count(void)
{
	return nclients;
}

/* --- what is offered ------------------------------------------------------------------------- */

static struct sasl_names names;

void clients_offer(const struct sasl_names *s)
{
	names = *s;
}

const char *client_capabilities(const struct client *c)
{
	static struct buf text = { .max = CAPABILITIES_MAX };
	uint8_t exporter[SASL_EXPORTER_BYTES];
	unsigned has = 0;

	buf_reset(&text);
	buf_z(&text, "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS");
	if (client_offers_tls(c))
		buf_z(&text, " STARTTLS");
	if (c->private)
		has |= SASL_NEEDS_SECURE;
	if (conn_tls_exporter(&c->conn, exporter) == 0)
		has |= SASL_NEEDS_EXPORTER;
	if (secure_peer(&c->conn).n > 0)
		has |= SASL_NEEDS_CERTIFICATE;
	if (!sasl_names_have(&names, has, STR("PLAIN"))) /* which LOGIN is for sasl */
		buf_z(&text, " LOGINDISABLED");
	sasl_names_print(&names, has, "AUTH=", &text);
	return buf_cstr(&text);
}

bool client_offers_tls(const struct client *c)
{
	return conn_tls(&c->conn) == NULL && secure_context(c->secure) != NULL;
}

/* The exchange that is under way is over for sasl, too. */
static void cancel_exchange(struct client *c)
{
	struct put w = put_start();

	if (c->state != CLIENT_SASL && c->state != CLIENT_CHECKING)
		return;
	put_u64(&w, c->trace.trace);
	chan_send(proc_peer(ROLE_SASL), SASL_CANCEL, &w, NULL, 0);
}

static void close_session_end(struct client *c)
{
	if (c->session_end != -1)
		close(c->session_end);
	c->session_end = -1;
}

static void client_free(struct client *c)
{
	cancel_exchange(c);
	waiting_end(&c->waiting);
	ask_cancel(&c->ask);
	timer_clear(&c->delay);
	if (c->relay != NULL)
		relay_close(c->relay);
	free(c->relay);
	close_session_end(c);
	if (c->inner != -1)
		close(c->inner);
	conn_close(&c->conn);
	LIST_REMOVE(c, next);
	nclients--;
	free(c);
	if (nclients == 0 && on_idle != NULL)
		on_idle();
}

/* --- answers --------------------------------------------------------------------------------- */

void client_answer(struct client *c, struct str tag, const char *code_text)
{
	if (tag.n == 0)
		tag = STR("*");
	conn_printf(&c->conn, "%.*s %s\r\n", STR_ARG(tag), code_text);
}

void client_refuse(struct client *c, struct str tag, const char *code_text)
{
	client_answer(c, tag, code_text);
	if (++c->bad >= BAD_MAX)
		client_bye(c, "Too many errors");
}

void client_bye(struct client *c, const char *text)
{
	if (c->state == CLIENT_ENDING)
		return;
	cancel_exchange(c);
	c->state = CLIENT_ENDING;
	ask_cancel(&c->ask);
	timer_clear(&c->delay);
	if (text != NULL) {
		conn_printf(&c->conn, "* BYE %s\r\n", text);
		log_info(&c->trace, EV("imap-closed"), KZ("why", text));
	}
	conn_deadline(&c->conn, LAST_WORDS);
	conn_linger(&c->conn);
}

/* Back to commands after a login that came to nothing. */
static void resume(struct client *c, const char *code_text)
{
	c->state = CLIENT_COMMAND;
	conn_resume(&c->conn);
	client_refuse(c, str_of(c->tag), code_text);
}

/* --- login ----------------------------------------------------------------------------------- */

static void delayed(void *arg)
{
	resume(arg, "NO [AUTHENTICATIONFAILED] Wrong login or password");
}

/* However it was found wrong, and however fast: the answer takes the same time. */
static void fail(struct client *c)
{
	uint64_t due = c->asked + login_settings.failure_delay, now = loop_now();

	c->state = CLIENT_FAILING;
	timer_set(&c->delay, due > now ? due - now : 0, delayed, c);
}

static void forget(void *arg)
{
	client_free(arg);
}

/*
 * The session has its own descriptor of the connection. Ours is closed only when the event loop has
 * told the kernel to stop watching: closing alone would not end that, and the events of someone
 * else's connection would come here.
 */
static void leave_to_session(struct client *c)
{
	c->state = CLIENT_LEAVING;
	watch_clear(&c->conn.watch);
	timer_set(&c->delay, 0, forget, c);
}

/* The client's bytes go through here; `inner` is our end of the pair. */
static void relay_to_session(struct client *c)
{
	c->state = CLIENT_RELAYED;
	buf_clear(&c->conn.in); /* went with the grant */
	c->relay = xcalloc(1, sizeof *c->relay);
	relay_begin(c->relay, &c->conn, &c->inner, forget, c);
}

static void on_handed(struct ask *a, struct ipc_msg *m)
{
	struct client *c = a->arg;
	struct status st = { 0 };

	if (m != NULL) {
		struct get g = get_start(m->body);

		get_status(&g, &st);
		if (get_end(&g) == -1)
			st.code = 0;
	}
	close_session_end(c);
	if (status_good(&st)) {
		waiting_end(&c->waiting);
		if (conn_tls(&c->conn) == NULL)
			leave_to_session(c);
		else
			relay_to_session(c);
		return;
	}
	if (c->inner != -1)
		close(c->inner);
	c->inner = -1;
	log_warning(
	    &c->trace, EV("imap-session-refused"), KZ("why", m == NULL ? "no answer" : st.text));
	resume(c, st.code == 452 ? "NO [LIMIT] Too many sessions"
				 : "NO [UNAVAILABLE] The mailbox cannot be opened now");
}

/* What the session is to have: the connection, or one end of a pair. -1 with errno. */
static int for_session(struct client *c)
{
	int pair[2];

	if (conn_tls(&c->conn) == NULL)
		return c->conn.fd;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1)
		return -1;
	c->inner = pair[0];
	c->session_end = pair[1];
	return pair[1];
}

/* Everything that was written is with the client: the session writes next. */
static void hand_over(struct client *c)
{
	int fd = for_session(c);
	struct put w = put_start();
	struct handover h = { .trace = c->trace.trace,
		.tag = str_of(c->tag),
		.input = buf_view(&c->conn.in),
		.secure = c->private };

	if (fd == -1) {
		log_warning(&c->trace, EV("imap-session-refused"), KERRNO);
		resume(c, "NO [UNAVAILABLE] The mailbox cannot be opened now");
		return;
	}
	h.client = str_of(c->address);
	memcpy(h.nonce, c->nonce, sizeof h.nonce);
	put_handover(&w, &h);
	chan_ask(proc_peer(ROLE_SPAWN), &c->ask, SPAWN_HANDOVER, &w, &fd, 1, HANDOVER_DEADLINE,
	    on_handed, c);
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
		hand_over(c);
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
		resume(c, no_message);
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
		cancel_exchange(c); /* or the next one would have its number */
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
		resume(c, no_message);
		break;
	case SASL_UNKNOWN_MECHANISM:
		resume(c, answer.status.code == 538
			      ? "NO [PRIVACYREQUIRED] Passwords are not taken over this connection"
			      : "NO There is no such mechanism here");
		break;
	default:
		resume(c, "NO [UNAVAILABLE] Logins are not possible now, try again later");
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

void client_authenticate(
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

void client_sasl(struct client *c, const struct str *message)
{
	struct put w = put_start();

	c->asked = loop_now();
	if (message == NULL) {
		cancel_exchange(c);
		c->proved = false;
		resume(c, "BAD Cancelled, or not base64");
		return;
	}
	if (c->proved) {
		conclude(c, *message);
		return;
	}
	put_sasl_more(&w, &(struct sasl_more){ .id = c->trace.trace, .data = *message });
	ask_sasl(c, SASL_MORE, &w);
}

void client_login_fails(struct client *c, struct str tag)
{
	log_notice(&c->trace, EV("imap-login-malformed"), KZ("client", c->address));
	begin(c, tag);
	conn_pause(&c->conn);
	fail(c);
}

/* --- input ----------------------------------------------------------------------------------- */

static void sasl_line(struct client *c)
{
	static char message[SASL_LINE_MAX];
	struct str line;
	size_t size;
	int r = conn_line(&c->conn, SASL_LINE_MAX, &line, &size);
	ssize_t n;

	if (r == -1)
		client_bye(c, "That line is too long");
	if (r != 1)
		return;
	n = base64_decode(line, message);
	explicit_bzero((void *)(uintptr_t)line.p, line.n);
	buf_drop(&c->conn.in, size);
	if (n == -1)
		client_sasl(c, NULL);
	else
		client_sasl(c, &(struct str){ message, (size_t)n });
	explicit_bzero(message, sizeof message);
}

/* Runs a command that is there. The input is dropped first: what is left belongs to whoever is
 * next. */
static void run(struct client *c, size_t end)
{
	char copy[COMMAND_MAX];

	memcpy(copy, c->conn.in.p, end);
	buf_drop(&c->conn.in, end);
	c->scan = (struct scan){ 0 };
	command_run(c, str_bytes(copy, end));
	explicit_bzero(copy, end);
}

/* Nobody is invited to send a password where it would be refused. */
static void go_ahead(struct client *c, size_t end)
{
	if (c->private) {
		conn_write(&c->conn, STR("+ Go ahead\r\n"));
		return;
	}
	client_refuse(c, parse_tag(buf_view(&c->conn.in)),
	    "NO [PRIVACYREQUIRED] Literals are not taken over this connection");
	buf_drop(&c->conn.in, end);
	c->scan = (struct scan){ 0 };
}

static bool next_command(struct client *c)
{
	struct str in = buf_view(&c->conn.in);
	size_t end;

	switch (scan_command(&c->scan, in, &end)) {
	case SCAN_MORE:
		return false;
	case SCAN_WHOLE:
		run(c, end);
		return true;
	case SCAN_CONTINUE:
		go_ahead(c, end);
		return true;
	case SCAN_LITERAL:
		client_answer(c, parse_tag(in), "BAD [TOOBIG] That literal is too large");
		client_bye(c, "A literal is too large");
		return false;
	case SCAN_LONG:
		client_answer(c, parse_tag(in), "BAD That command is too long");
		client_bye(c, "A command is too long");
		return false;
	}
	return false;
}

static void on_input(struct conn *conn)
{
	struct client *c = conn->owner;
	size_t before = conn->in.n + 1;

	/* what is pipelined waits while its answers are not taken: on_drained() goes on */
	while (conn->in.n > 0 && conn->out.n < OUTPUT_ENOUGH) {
		if (c->state == CLIENT_COMMAND) {
			if (!next_command(c))
				return;
		} else if (c->state == CLIENT_SASL && conn->in.n != before) {
			before = conn->in.n;
			sasl_line(c);
		} else {
			return;
		}
	}
}

static void on_drained(struct conn *conn)
{
	struct client *c = conn->owner;

	if (c->state == CLIENT_HANDING && c->ask.chan == NULL && !c->ask.deadline.armed)
		hand_over(c);
	else
		on_input(conn);
}

static void on_end(struct conn *conn, enum conn_end why)
{
	struct client *c = conn->owner;
	bool given =
	    (c->state == CLIENT_HANDING || c->state == CLIENT_LEAVING) && conn_tls(conn) == NULL;

	if (why == CONN_TLS)
		secure_log_failure(&c->trace, c->address, conn);
	/* where the session may write already, a BYE would come between its words */
	if (why == CONN_TIMEOUT && c->state != CLIENT_ENDING && !given) {
		client_bye(c, "No login in time");
		return;
	}
	client_free(c);
}

static void greet(struct client *c)
{
	conn_deadline(&c->conn, login_settings.timeout);
	conn_printf(&c->conn, "* OK [CAPABILITY %s] Thurn ready\r\n", client_capabilities(c));
}

static void on_secured(struct conn *conn)
{
	struct client *c = conn->owner;

	secure_log(&c->trace, c->address, conn);
	c->private = true;
	if (secure_mode(c->secure) == SECURE_IMPLICIT)
		greet(c);
	else
		conn_deadline(&c->conn, login_settings.timeout);
}

static const struct conn_events events = {
	.input = on_input, .drained = on_drained, .end = on_end, .secured = on_secured
};

void client_start_tls(struct client *c)
{
	struct tls_context *context = secure_context(c->secure);

	if (context == NULL || conn_tls_accept(&c->conn, context, false) == -1)
		client_bye(c, "TLS is not available");
}

void client_new(int *fd, const struct ip *ip, struct secure *secure, struct waiting *waiting)
{
	struct client *c = xcalloc(1, sizeof *c);

	c->trace.trace = id_random();
	ip_format(ip, c->address);
	c->secure = secure;
	c->waiting = waiting;
	c->inner = c->session_end = -1;
	c->private =
	    secure_mode(secure) != SECURE_REQUIRED && (login_settings.plaintext || ip_loopback(ip));
	LIST_INSERT_HEAD(&clients, c, next);
	nclients++;
	conn_init(&c->conn, fd, INPUT_MAX, OUTPUT_MAX, &events, c);
	if (secure_mode(secure) == SECURE_IMPLICIT)
		client_start_tls(c);
	else
		greet(c);
}

void clients_retire(void (*idle)(void))
{
	on_idle = idle;
	if (nclients == 0)
		idle();
}

void clients_end(void)
{
	struct client *c;

	LIST_FOREACH (c, &clients, next)
		if (c->state == CLIENT_COMMAND || c->state == CLIENT_SASL)
			client_bye(c, "The server is being restarted");
		else if (c->state == CLIENT_RELAYED)
			relay_end(c->relay);
}
