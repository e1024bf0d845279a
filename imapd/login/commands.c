/* What may be said before authentication: one row and one handler per command. */
#include <string.h>

#include "base/base64.h"
#include "client.h"

static void bad_syntax(struct client *c, const struct command *cmd)
{
	client_refuse(c, cmd->tag, "BAD Syntax error in the arguments");
}

static void cmd_capability(struct client *c, struct command *cmd)
{
	if (parse_end(cmd) == -1) {
		bad_syntax(c, cmd);
		return;
	}
	conn_printf(&c->conn, "* CAPABILITY %s\r\n", client_capabilities(c));
	client_answer(c, cmd->tag, "OK CAPABILITY completed");
}

static void cmd_noop(struct client *c, struct command *cmd)
{
	if (parse_end(cmd) == -1)
		bad_syntax(c, cmd);
	else
		client_answer(c, cmd->tag, "OK NOOP completed");
}

static void cmd_logout(struct client *c, struct command *cmd)
{
	if (parse_end(cmd) == -1) {
		bad_syntax(c, cmd);
		return;
	}
	conn_write(&c->conn, STR("* BYE Logging out\r\n"));
	client_answer(c, cmd->tag, "OK LOGOUT completed");
	client_bye(c, NULL);
}

static void cmd_id(struct client *c, struct command *cmd)
{
	if (parse_blank(cmd) == -1 || parse_id(cmd) == -1 || parse_end(cmd) == -1) {
		bad_syntax(c, cmd);
		return;
	}
	conn_write(&c->conn, STR("* ID (\"name\" \"Thurn\")\r\n"));
	client_answer(c, cmd->tag, "OK ID completed");
}

/* RFC 3501 6.2.1. What follows in the clear must not be taken for what is protected. */
static void cmd_starttls(struct client *c, struct command *cmd)
{
	if (c->conn.in.n > 0) {
		client_bye(c, "Nothing may follow STARTTLS");
	} else if (parse_end(cmd) == -1) {
		bad_syntax(c, cmd);
	} else if (!client_offers_tls(c)) {
		client_refuse(c, cmd->tag,
		    conn_tls(&c->conn) != NULL ? "BAD TLS is active already"
					       : "BAD STARTTLS is not available");
	} else {
		client_answer(c, cmd->tag, "OK Begin TLS negotiation now");
		client_start_tls(c);
	}
}

static bool password_allowed(struct client *c, const struct command *cmd)
{
	if (c->private)
		return true;
	client_refuse(
	    c, cmd->tag, "NO [PRIVACYREQUIRED] Passwords are not taken over this connection");
	return false;
}

/* Is it what may stand in the message of PLAIN? */
static bool credential(struct str s, size_t max)
{
	return s.n <= max && str_find(s, '\0') == -1;
}

static void cmd_login(struct client *c, struct command *cmd)
{
	char space[1 + LOGIN_MAX + 1 + PASSWORD_MAX];
	struct str login, password, message;

	if (!password_allowed(c, cmd))
		return;
	if (parse_blank(cmd) == -1 || parse_astring(cmd, &login) == -1 || parse_blank(cmd) == -1 ||
	    parse_astring(cmd, &password) == -1 || parse_end(cmd) == -1) {
		bad_syntax(c, cmd);
		return;
	}
	if (login.n == 0 || !credential(login, LOGIN_MAX) || !credential(password, PASSWORD_MAX)) {
		exchange_fails(c, cmd->tag);
		return;
	}
	space[0] = space[1 + login.n] = '\0';
	memcpy(space + 1, login.p, login.n);
	memcpy(space + 2 + login.n, password.p, password.n);
	message = str_bytes(space, 2 + login.n + password.n);
	exchange_begin(c, cmd->tag, STR("PLAIN"), &message);
	explicit_bzero(space, sizeof space);
}

static void cmd_authenticate(struct client *c, struct command *cmd)
{
	static char message[COMMAND_MAX];
	struct str mechanism;
	ssize_t n;

	if (parse_blank(cmd) == -1 || parse_atom(cmd, &mechanism) == -1) {
		bad_syntax(c, cmd);
		return;
	}
	if (parse_end(cmd) == 0) {
		exchange_begin(c, cmd->tag, mechanism, NULL);
		return;
	}
	/* SASL-IR, RFC 4959; "=" is an empty response */
	if (parse_blank(cmd) == -1 || cmd->rest.n == 0) {
		bad_syntax(c, cmd);
		return;
	}
	n = str_eq(cmd->rest, STR("=")) ? 0 : base64_decode(cmd->rest, message);
	if (n == -1)
		client_refuse(c, cmd->tag, "BAD That is not base64");
	else
		exchange_begin(c, cmd->tag, mechanism, &(struct str){ message, (size_t)n });
	explicit_bzero(message, sizeof message);
}

static const struct {
	struct str verb;
	void (*fn)(struct client *c, struct command *cmd);
} rows[] = {
	{ { "CAPABILITY", 10 }, cmd_capability },
	{ { "NOOP", 4 }, cmd_noop },
	{ { "LOGOUT", 6 }, cmd_logout },
	{ { "ID", 2 }, cmd_id },
	{ { "STARTTLS", 8 }, cmd_starttls },
	{ { "LOGIN", 5 }, cmd_login },
	{ { "AUTHENTICATE", 12 }, cmd_authenticate },
};

void command_run(struct client *c, struct str whole)
{
	static struct command cmd;

	if (parse_command(whole, &cmd) == -1) {
		client_refuse(
		    c, cmd.tag, cmd.tag.n == 0 ? "BAD That is not a tag" : "BAD No command");
		return;
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_caseeq(cmd.verb, rows[i].verb)) {
			rows[i].fn(c, &cmd);
			explicit_bzero(cmd.space, cmd.used);
			return;
		}
	client_refuse(c, cmd.tag, "BAD Unknown, or not allowed before login");
}
