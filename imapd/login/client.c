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

#include "base/alloc.h"
#include "base/base64.h"
#include "base/id.h"

enum {
	CAPABILITIES_MAX = 1024,
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

void client_free(struct client *c)
{
	exchange_cancel(c);
	waiting_end(&c->waiting);
	ask_cancel(&c->ask);
	timer_clear(&c->delay);
	if (c->relay != NULL)
		relay_close(c->relay);
	free(c->relay);
	handover_clear(c);
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
	exchange_cancel(c);
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

void client_resume(struct client *c, const char *code_text)
{
	c->state = CLIENT_COMMAND;
	conn_resume(&c->conn);
	client_refuse(c, str_of(c->tag), code_text);
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
	buf_drop_secret(&c->conn.in, size);
	if (n == -1)
		exchange_message(c, NULL);
	else
		exchange_message(c, &(struct str){ message, (size_t)n });
	explicit_bzero(message, sizeof message);
}

/* Runs a command that is there. The input is dropped first: what is left belongs to whoever is
 * next. */
static void run(struct client *c, size_t end)
{
	char copy[COMMAND_MAX];

	memcpy(copy, c->conn.in.p, end);
	buf_drop_secret(&c->conn.in, end);
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
	buf_drop_secret(&c->conn.in, end);
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
		handover_begin(c);
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

static void start_tls(struct client *c, bool first)
{
	struct tls_context *context = secure_context(c->secure);

	if (context == NULL || conn_tls_accept(&c->conn, context, first) == -1)
		client_bye(c, "TLS is not available");
}

void client_start_tls(struct client *c)
{
	start_tls(c, false);
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
		start_tls(c, true);
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
