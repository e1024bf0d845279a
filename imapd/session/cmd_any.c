/* Commands that ask nothing of mailboxes. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "io.h"

void cmd_capability(struct session *s, struct parse *p)
{
	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	buf_printf(&s->out, "* CAPABILITY %s\r\n", session_capabilities());
	reply_ok(s, "CAPABILITY completed");
}

void cmd_noop(struct session *s, struct parse *p)
{
	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	sync_view(s, true);
	reply_ok(s, "NOOP completed");
}

void cmd_check(struct session *s, struct parse *p)
{
	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	while (store_mirror(s->store, 1000))
		continue;
	sync_view(s, true);
	reply_ok(s, "CHECK completed");
}

void cmd_logout(struct session *s, struct parse *p)
{
	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	buf_z(&s->out, "* BYE Logging out\r\n");
	reply_ok(s, "LOGOUT completed");
	if (s->end == END_NONE)
		s->end = END_LOGOUT;
}

/* RFC 2342: one namespace, all of it personal. */
void cmd_namespace(struct session *s, struct parse *p)
{
	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	buf_z(&s->out, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	reply_ok(s, "NAMESPACE completed");
}

/* --- ID (RFC 2971) --------------------------------------------------------------------------- */

enum { ID_PAIRS = 30, ID_NAME = 30, ID_VALUE = 1024 };

/* Whatever the client calls itself is checked and forgotten, but for name and version in the log.
 */
static bool take_id(struct session *s, struct parse *p)
{
	struct str key, value, name = STR_NONE, version = STR_NONE;

	if (!parse_at(p, '('))
		return parse_atom(p, &value) &&
		       (str_caseeq(value, STR("NIL")) || parse_fail(p, "expected NIL or fields"));
	p->p++;
	for (int i = 0; !parse_skip(p, ')'); i++) {
		if (i == ID_PAIRS)
			return parse_fail(p, "too many fields");
		if (i > 0 && !parse_sp(p))
			return false;
		if (!parse_string(p, &key) || !parse_sp(p) || !parse_nstring(p, &value))
			return false;
		if (key.n > ID_NAME || value.n > ID_VALUE)
			return parse_fail(p, "field is too long");
		if (value.p != NULL && str_caseeq(key, STR("name")))
			name = value;
		if (value.p != NULL && str_caseeq(key, STR("version")))
			version = value;
	}
	log_info(&s->log, EV("imap-client"), KS("name", name), KS("version", version));
	return true;
}

void cmd_id(struct session *s, struct parse *p)
{
	if (!parse_sp(p) || !take_id(s, p) || !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	buf_z(&s->out, "* ID (\"name\" \"Thurn\")\r\n");
	reply_ok(s, "ID completed");
}

/* --- ENABLE (RFC 5161) ----------------------------------------------------------------------- */

void enable_condstore(struct session *s)
{
	if (s->condstore)
		return;
	s->condstore = true;
	/* RFC 7162 3.1: the client learns where it stands */
	if (s->view != NULL)
		buf_printf(&s->out, "* OK [HIGHESTMODSEQ %llu] Highest\r\n",
		    (unsigned long long)s->view->modseq);
}

void cmd_enable(struct session *s, struct parse *p)
{
	bool condstore = false;
	struct str name;

	do {
		if (!parse_sp(p) || !parse_atom(p, &name)) {
			reply_parse(s, p);
			return;
		}
		condstore |= str_caseeq(name, STR("CONDSTORE"));
	} while (parse_at(p, ' '));
	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	buf_printf(&s->out, "* ENABLED%s\r\n", condstore && !s->condstore ? " CONDSTORE" : "");
	if (condstore)
		enable_condstore(s);
	reply_ok(s, "ENABLE completed");
}

/* --- IDLE (RFC 2177) ------------------------------------------------------------------------- */

/* A line that ends IDLE is there, or the session is over. */
static bool idle_over(struct session *s)
{
	return s->end != END_NONE || str_find(buf_view(&s->in), '\n') != -1 || s->in.n == s->in.max;
}

void cmd_idle(struct session *s, struct parse *p)
{
	int waited = 0, quiet = 0;

	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	buf_z(&s->out, "+ idling\r\n");
	sync_view(s, true);
	while (!idle_over(s)) {
		switch (io_wait(s, true, WAIT_LAZY_MS)) {
		case IO_CHANGED:
			sync_view(s, true);
			break;
		case IO_TIME:
			sync_view(s, true); /* for notices that got lost */
			store_mirror(s->store, 1000);
			store_clean(s->store);
			waited += WAIT_LAZY_MS;
			quiet += WAIT_LAZY_MS;
			if (quiet >= WAIT_IDLE_MS) {
				/* keeps middle boxes from forgetting the connection */
				buf_z(&s->out, "* OK Still here\r\n");
				quiet = 0;
			}
			if (waited >= WAIT_COMMAND_MS)
				s->end = END_TIMEOUT;
			break;
		case IO_INPUT:
		case IO_END:
			break;
		}
	}
	if (s->end != END_NONE)
		return;
	buf_reset(&s->cmd);
	if (io_line(s) == 1 && str_caseeq(str_trim(buf_view(&s->cmd)), STR("DONE")))
		reply_ok(s, "IDLE completed");
	else if (s->end == END_NONE)
		reply_bad(s, "expected DONE");
}
