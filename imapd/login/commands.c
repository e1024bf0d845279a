/* What may be said before authentication: one row and one handler per command. */
#include <string.h>

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

/* RFC 3501 6.2.1. Not offered; what follows in the clear must not be taken for what is protected.
 */
static void cmd_starttls(struct client *c, struct command *cmd)
{
	if (c->conn.in.n > 0) {
		client_bye(c, "Nothing may follow STARTTLS");
		return;
	}
	client_refuse(c, cmd->tag, "BAD STARTTLS is not available");
}

static bool password_allowed(struct client *c, const struct command *cmd)
{
	if (c->private)
		return true;
	client_refuse(
	    c, cmd->tag, "NO [PRIVACYREQUIRED] Passwords are not taken over this connection");
	return false;
}

static void cmd_login(struct client *c, struct command *cmd)
{
	struct str login, password;

	if (!password_allowed(c, cmd))
		return;
	if (parse_blank(cmd) == -1 || parse_astring(cmd, &login) == -1 || parse_blank(cmd) == -1 ||
	    parse_astring(cmd, &password) == -1 || parse_end(cmd) == -1) {
		bad_syntax(c, cmd);
		return;
	}
	client_login(c, cmd->tag, login, password);
}

static void plain(struct client *c, struct str tag, struct str base64)
{
	static char message[COMMAND_MAX];
	struct str login, password;
	ssize_t n = base64_decode(base64, message);

	if (n == -1) {
		client_refuse(c, tag, "BAD That is not base64");
		return;
	}
	if (sasl_plain(str_bytes(message, (size_t)n), &login, &password) == -1)
		login = password = STR_NONE; /* fails like any other wrong login */
	client_login(c, tag, login, password);
	explicit_bzero(message, (size_t)n);
}

static void cmd_authenticate(struct client *c, struct command *cmd)
{
	struct str mechanism;

	if (!password_allowed(c, cmd))
		return;
	if (parse_blank(cmd) == -1 || parse_atom(cmd, &mechanism) == -1) {
		bad_syntax(c, cmd);
		return;
	}
	if (!str_caseeq(mechanism, STR("PLAIN"))) {
		client_refuse(c, cmd->tag, "NO There is no such mechanism here");
		return;
	}
	if (parse_end(cmd) == 0) {
		c->state = CLIENT_SASL;
		(void)str_copy(cmd->tag, c->tag, sizeof c->tag);
		conn_write(&c->conn, STR("+ \r\n"));
		return;
	}
	/* SASL-IR, RFC 4959; "=" is an empty response */
	if (parse_blank(cmd) == -1 || cmd->rest.n == 0)
		bad_syntax(c, cmd);
	else
		plain(c, cmd->tag, str_eq(cmd->rest, STR("=")) ? STR_NONE : cmd->rest);
}

void command_sasl(struct client *c, struct str line)
{
	char tag[IMAP_TAG_MAX + 1];

	memcpy(tag, c->tag, sizeof tag);
	c->state = CLIENT_COMMAND;
	if (str_eq(line, STR("*")))
		client_refuse(c, str_of(tag), "BAD Cancelled");
	else
		plain(c, str_of(tag), line);
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
