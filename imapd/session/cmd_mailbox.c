/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. */
#include "commands.h"

/* " (USE (\Drafts))", RFC 6154 3 */
static bool take_use(struct parse *p, enum store_use *use)
{
	struct str name;
	const char *start;

	*use = STORE_USE_NONE;
	if (!parse_skip(p, ' '))
		return true;
	if (!parse_char(p, '(') || !parse_atom(p, &name))
		return false;
	if (!str_caseeq(name, STR("USE")))
		return parse_fail(p, "unknown parameter");
	if (!parse_sp(p) || !parse_char(p, '('))
		return false;
	while (!parse_skip(p, ')')) {
		start = p->p;
		if (*use != STORE_USE_NONE)
			return parse_fail(p, "[USEATTR] one use only");
		if (!parse_skip(p, '\\') || !parse_atom(p, &name))
			return parse_fail(p, "bad use");
		*use = store_use_find((struct str){ start, name.n + 1 });
		parse_skip(p, ' ');
	}
	return parse_char(p, ')');
}

void cmd_create(struct session *s, struct parse *p)
{
	struct str name;
	enum store_use use;
	enum store_error e;

	if (!parse_sp(p) || !parse_mailbox(p, &name) || !take_use(p, &use) || !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	if (use == STORE_USES) {
		reply_no(s, "[USEATTR] this use is not known here");
		return;
	}
	e = store_create(s->store, name, use);
	if (e != STORE_OK)
		reply_store(s, e, NULL);
	else
		reply_ok(s, "CREATE completed");
}

void cmd_delete(struct session *s, struct parse *p)
{
	struct str name;
	enum store_error e;

	if (!parse_sp(p) || !parse_mailbox(p, &name) || !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	e = store_delete(s->store, name);
	if (e != STORE_OK) {
		reply_store(s, e, "[NONEXISTENT]");
		return;
	}
	/* It may be the one that is selected here; another session ends with BYE. */
	if (s->view != NULL && sync_is_selected(s, name)) {
		sync_unselect(s);
		buf_z(&s->out, "* OK [CLOSED] The selected mailbox was deleted\r\n");
	}
	sync_tell_name(s, name);
	reply_ok(s, "DELETE completed");
}

void cmd_rename(struct session *s, struct parse *p)
{
	struct str from, to;
	enum store_error e;

	if (!parse_sp(p) || !parse_mailbox(p, &from) || !parse_sp(p) || !parse_mailbox(p, &to) ||
	    !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	e = store_rename(s->store, from, to);
	if (e != STORE_OK) {
		reply_store(s, e, "[NONEXISTENT]");
		return;
	}
	/* RENAME of INBOX empties it (RFC 3501 6.3.5). */
	sync_view(s, true);
	sync_tell_name(s, from);
	sync_tell_name(s, to);
	reply_ok(s, "RENAME completed");
}

static void subscribe(struct session *s, struct parse *p, bool on)
{
	struct str name;
	enum store_error e;

	if (!parse_sp(p) || !parse_mailbox(p, &name) || !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	e = store_subscribe(s->store, name, on);
	if (e != STORE_OK)
		reply_store(s, e, NULL);
	else
		reply_ok(s, on ? "SUBSCRIBE completed" : "UNSUBSCRIBE completed");
}

void cmd_subscribe(struct session *s, struct parse *p)
{
	subscribe(s, p, true);
}

void cmd_unsubscribe(struct session *s, struct parse *p)
{
	subscribe(s, p, false);
}
