/*
 * The loop of a session: read a command, find its row, run it, answer. See session.h.
 */
#include "session.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "io.h"

enum { IN_AUTH = 1, IN_SELECTED = 2, IN_BOTH = 3 };

struct command {
	struct str name;
	unsigned states;
	void (*fn)(struct session *s, struct parse *p);
};

#define ROW(text, states, fn)                                                                      \
	{                                                                                          \
		{ text, sizeof text - 1 }, states, fn                                              \
	}

static const struct command commands[] = {
	ROW("APPEND", IN_BOTH, cmd_append),
	ROW("CAPABILITY", IN_BOTH, cmd_capability),
	ROW("CHECK", IN_SELECTED, cmd_check),
	ROW("CLOSE", IN_SELECTED, cmd_close),
	ROW("COPY", IN_SELECTED, cmd_copy),
	ROW("CREATE", IN_BOTH, cmd_create),
	ROW("DELETE", IN_BOTH, cmd_delete),
	ROW("ENABLE", IN_BOTH, cmd_enable),
	ROW("EXAMINE", IN_BOTH, cmd_examine),
	ROW("EXPUNGE", IN_SELECTED, cmd_expunge),
	ROW("FETCH", IN_SELECTED, cmd_fetch),
	ROW("ID", IN_BOTH, cmd_id),
	ROW("IDLE", IN_BOTH, cmd_idle),
	ROW("LIST", IN_BOTH, cmd_list),
	ROW("LOGOUT", IN_BOTH, cmd_logout),
	ROW("LSUB", IN_BOTH, cmd_lsub),
	ROW("MOVE", IN_SELECTED, cmd_move),
	ROW("NAMESPACE", IN_BOTH, cmd_namespace),
	ROW("NOOP", IN_BOTH, cmd_noop),
	ROW("RENAME", IN_BOTH, cmd_rename),
	ROW("SEARCH", IN_SELECTED, cmd_search),
	ROW("SELECT", IN_BOTH, cmd_select),
	ROW("STATUS", IN_BOTH, cmd_status),
	ROW("STORE", IN_SELECTED, cmd_store),
	ROW("SUBSCRIBE", IN_BOTH, cmd_subscribe),
	ROW("UNSELECT", IN_SELECTED, cmd_unselect),
	ROW("UNSUBSCRIBE", IN_BOTH, cmd_unsubscribe),
	{ { NULL, 0 }, 0, NULL },
};

/* Behind "UID ". */
static const struct command uid_commands[] = {
	ROW("COPY", IN_SELECTED, cmd_copy),
	ROW("EXPUNGE", IN_SELECTED, cmd_uid_expunge),
	ROW("FETCH", IN_SELECTED, cmd_fetch),
	ROW("MOVE", IN_SELECTED, cmd_move),
	ROW("SEARCH", IN_SELECTED, cmd_search),
	ROW("STORE", IN_SELECTED, cmd_store),
	{ { NULL, 0 }, 0, NULL },
};

const char *session_capabilities(void)
{
	return "IMAP4rev1 LITERAL+ IDLE NAMESPACE CHILDREN UIDPLUS UNSELECT MOVE SPECIAL-USE "
	       "CREATE-SPECIAL-USE ENABLE ID MULTIAPPEND CONDSTORE ESEARCH LIST-EXTENDED "
	       "LIST-STATUS "
	       "STATUS=SIZE";
}

/* --- one command ----------------------------------------------------------------------------- */

static const struct command *find(const struct command *rows, struct str name)
{
	for (; rows->fn != NULL; rows++) {
		if (str_caseeq(rows->name, name))
			return rows;
	}
	return NULL;
}

static bool take_command(struct session *s, struct parse *p, const struct command **out)
{
	const struct command *rows = commands;
	struct str name;

	s->uid = false;
	if (!parse_atom(p, &name))
		return false;
	if (str_caseeq(name, STR("UID"))) {
		s->uid = true;
		rows = uid_commands;
		if (!parse_sp(p) || !parse_atom(p, &name))
			return false;
	}
	*out = find(rows, name);
	if (*out == NULL)
		return parse_fail(p, "unknown command");
	if (!((*out)->states & (s->view != NULL ? IN_SELECTED : IN_AUTH)))
		return parse_fail(p, "no mailbox is selected");
	return true;
}

static void run_command(struct session *s)
{
	struct parse p = { .p = s->cmd.p,
		.end = s->cmd.p + s->cmd.n,
		.literal = io_literal,
		.arg = s,
		.arena = &s->arena };
	const struct command *c;

	s->tag = STR("*");
	if (!parse_tag(&p, &s->tag) || s->tag.n > LIMIT_TAG || !parse_at(&p, ' ')) {
		s->tag = STR("*");
		reply_bad(s, "missing or bad tag");
		io_skip_command(s);
		return;
	}
	p.p++;
	s->tag = arena_str(&s->arena, s->tag);
	s->commands++;
	if (take_command(s, &p, &c))
		c->fn(s, &p);
	else
		reply_parse(s, &p);
	/* What a refused command left unread must not become a command of its own. */
	if (p.error != NULL)
		io_skip_command(s);
}

/* Of a line that is too long only the beginning was kept: who sent it waits for its tag. */
static void refuse_overlong(struct session *s)
{
	struct parse p = { .p = s->cmd.p, .end = s->cmd.p + s->cmd.n };

	if (parse_tag(&p, &s->tag) && s->tag.n <= LIMIT_TAG && parse_at(&p, ' '))
		s->tag = arena_str(&s->arena, s->tag);
	else
		s->tag = STR("*");
	reply_bad(s, "[TOOBIG] command line is too long");
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Flags go to the file names, old things away. */
static void lazy_work(struct session *s)
{
	store_mirror(s->store, 1000);
	store_clean(s->store);
	s->lazy_at = io_now();
}

/* Nothing has happened for WAIT_LAZY_MS. False when the session is over. */
static bool quiet(struct session *s, int *waited)
{
	*waited += WAIT_LAZY_MS;
	if (*waited >= WAIT_COMMAND_MS) {
		s->end = END_TIMEOUT;
		return false;
	}
	lazy_work(s);
	return true;
}

/* Waits for the first bytes of a command. */
static bool wait_command(struct session *s)
{
	int waited = 0;

	while (s->in.n == 0) {
		switch (io_wait(s, true, WAIT_LAZY_MS)) {
		case IO_INPUT:
			return true;
		case IO_CHANGED: /* told at the next command; RFC 3501 5.3 allows no EXPUNGE now */
			s->changed = false;
			break;
		case IO_TIME:
			if (!quiet(s, &waited))
				return false;
			break;
		case IO_END:
			return false;
		}
	}
	return true;
}

static const struct {
	const char *name; /* in the log */
	const char *bye;
} ends[] = {
	[END_NONE] = { "none", NULL },
	[END_LOGOUT] = { "logout", NULL },
	[END_CLOSED] = { "closed", NULL },
	[END_TIMEOUT] = { "timeout", "Timeout" },
	[END_STOP] = { "stop", "[UNAVAILABLE] Server is going down, try again" },
	[END_REFUSED] = { "refused", "Too much bad input" },
	[END_DELETED] = { "deleted", "The selected mailbox was deleted" },
};

static void say_bye(struct session *s)
{
	if (ends[s->end].bye != NULL)
		buf_printf(&s->out, "* BYE %s\r\n", ends[s->end].bye);
	io_flush(s);
}

void session_init(struct session *s)
{
	*s = (struct session){
		.client = -1, .notify = -1, .control = -1, .literal_max = UINT32_MAX
	};
	buf_init(&s->in, LIMIT_INPUT);
	buf_init(&s->cmd, LIMIT_COMMAND);
	buf_init(&s->out, LIMIT_OUTPUT);
	arena_init(&s->arena);
	/* What the parser hands out points into cmd, which therefore must never move. */
	buf_room(&s->cmd, LIMIT_COMMAND);
}

void session_clear(struct session *s)
{
	sync_unselect(s);
	buf_clear(&s->in);
	buf_clear(&s->cmd);
	buf_clear(&s->out);
	arena_clear(&s->arena);
}

void session_run(struct session *s, struct str login_tag)
{
	if (login_tag.n > 0)
		buf_printf(&s->out, "%.*s OK [CAPABILITY %s] Logged in\r\n", STR_ARG(login_tag),
		    session_capabilities());
	else
		buf_printf(&s->out, "* PREAUTH [CAPABILITY %s] Ready\r\n", session_capabilities());
	s->lazy_at = io_now();
	while (s->end == END_NONE && wait_command(s)) {
		int r;

		buf_reset(&s->cmd);
		arena_reset(&s->arena);
		r = io_line(s);
		if (r == 1)
			run_command(s);
		else if (r == 0)
			refuse_overlong(s);
		io_commit(s);
		/* a client that never rests must not put it off for ever */
		if (io_now() - s->lazy_at > 2 * WAIT_LAZY_MS)
			lazy_work(s);
	}
	say_bye(s);
	log_info(&s->log, EV("imap-end"), KI("in", s->bytes_in), KI("out", s->bytes_out),
	    KI("commands", s->commands), KZ("end", ends[s->end].name));
}
