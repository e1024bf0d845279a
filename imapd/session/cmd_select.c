/* SELECT, EXAMINE, CLOSE, UNSELECT, STATUS. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "io.h"
#include "status.h"

/* --- SELECT, EXAMINE ------------------------------------------------------------------------- */

/* " (CONDSTORE)", RFC 7162 3.1.8 and RFC 4466; unknown parameters are BAD. */
static bool take_parameters(struct parse *p, bool *condstore)
{
	struct str name;

	*condstore = false;
	if (!parse_skip(p, ' '))
		return true;
	if (!parse_char(p, '('))
		return false;
	do {
		if (!parse_atom(p, &name))
			return false;
		if (!str_caseeq(name, STR("CONDSTORE")))
			return parse_fail(p, "unknown parameter");
		*condstore = true;
	} while (parse_skip(p, ' '));
	return parse_char(p, ')');
}

static void tell_selected(struct session *s)
{
	const struct store_view *v = s->view;
	struct buf *b = &s->out;
	int64_t unseen = store_first_unseen(v);

	sync_flags(s);
	buf_printf(b, "* %u EXISTS\r\n* %u RECENT\r\n", v->n, v->recent);
	if (unseen >= 0)
		buf_printf(b, "* OK [UNSEEN %lld] First unseen\r\n", (long long)unseen + 1);
	buf_printf(b, "* OK [UIDVALIDITY %u] UIDs valid\r\n", v->uidvalidity);
	buf_printf(b, "* OK [UIDNEXT %u] Predicted next UID\r\n", v->uidnext);
	buf_printf(b, "* OK [HIGHESTMODSEQ %llu] Highest\r\n", (unsigned long long)v->modseq);
}

static void open_mailbox(struct session *s, struct parse *p, bool readonly)
{
	struct str name, folder = STR_NONE;
	bool condstore, recent;
	enum store_error e;

	if (!parse_sp(p) || !parse_mailbox(p, &name) || !take_parameters(p, &condstore) ||
	    !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	/* Whatever comes of it, the old mailbox is left (RFC 3501 6.3.1). */
	if (s->view != NULL) {
		sync_unselect(s);
		buf_z(&s->out, "* OK [CLOSED] Previous mailbox closed\r\n");
	}
	e = store_select(s->store, name, readonly, &s->view);
	if (e != STORE_OK) {
		s->view = NULL;
		reply_store(s, e, "[NONEXISTENT]");
		return;
	}
	tell_selected(s);
	s->condstore |= condstore;
	recent = s->view->recent > 0 && !readonly;
	folder = s->view->folder;
	reply_ok(s, readonly ? "[READ-ONLY] EXAMINE completed" : "[READ-WRITE] SELECT completed");
	if (recent) /* others lose \Recent, and learn of mail that was adopted just now */
		sync_tell(s, folder);
}

void cmd_select(struct session *s, struct parse *p)
{
	open_mailbox(s, p, false);
}

void cmd_examine(struct session *s, struct parse *p)
{
	open_mailbox(s, p, true);
}

/* --- CLOSE, UNSELECT ------------------------------------------------------------------------- */

void cmd_close(struct session *s, struct parse *p)
{
	uint32_t count = 0;
	enum store_error e = STORE_OK;

	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	if (!s->view->readonly)
		e = store_expunge(s->view, NULL, 0, &count);
	if (count > 0)
		sync_tell(s, s->view->folder);
	sync_unselect(s);
	if (e != STORE_OK)
		reply_store(s, e, NULL);
	else
		reply_ok(s, "CLOSE completed");
}

void cmd_unselect(struct session *s, struct parse *p)
{
	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	sync_unselect(s);
	reply_ok(s, "UNSELECT completed");
}

/* --- STATUS ---------------------------------------------------------------------------------- */

static const struct {
	struct str name;
	unsigned bit;
} items[] = {
	{ { "MESSAGES", 8 }, STATUS_MESSAGES },
	{ { "RECENT", 6 }, STATUS_RECENT },
	{ { "UIDNEXT", 7 }, STATUS_UIDNEXT },
	{ { "UIDVALIDITY", 11 }, STATUS_UIDVALIDITY },
	{ { "UNSEEN", 6 }, STATUS_UNSEEN },
	{ { "HIGHESTMODSEQ", 13 }, STATUS_HIGHESTMODSEQ },
	{ { "SIZE", 4 }, STATUS_SIZE },
	{ { "DELETED", 7 }, STATUS_DELETED },
};
enum { ITEMS = sizeof items / sizeof *items };

static bool take_item(struct parse *p, unsigned *bits)
{
	struct str name;

	if (!parse_atom(p, &name))
		return false;
	for (size_t i = 0; i < ITEMS; i++) {
		if (str_caseeq(items[i].name, name)) {
			*bits |= items[i].bit;
			return true;
		}
	}
	return parse_fail(p, "unknown status item");
}

bool status_parse(struct parse *p, unsigned *bits)
{
	*bits = 0;
	if (!parse_char(p, '('))
		return false;
	do {
		if (!take_item(p, bits))
			return false;
	} while (parse_skip(p, ' '));
	return parse_char(p, ')');
}

static uint64_t value_of(const struct store_status *st, unsigned bit)
{
	switch (bit) {
	case STATUS_MESSAGES:
		return st->messages;
	case STATUS_RECENT:
		return st->recent;
	case STATUS_UIDNEXT:
		return st->uidnext;
	case STATUS_UIDVALIDITY:
		return st->uidvalidity;
	case STATUS_UNSEEN:
		return st->unseen;
	case STATUS_HIGHESTMODSEQ:
		return st->modseq;
	case STATUS_SIZE:
		return st->size;
	default:
		return st->deleted;
	}
}

enum store_error status_put(struct session *s, struct str name, unsigned bits)
{
	struct store_status st;
	enum store_error e = store_status(s->store, name, &st);
	const char *blank = "";

	if (e != STORE_OK)
		return e;
	if (bits & STATUS_HIGHESTMODSEQ)
		enable_condstore(s);
	buf_z(&s->out, "* STATUS ");
	out_mailbox(&s->out, name);
	buf_z(&s->out, " (");
	for (size_t i = 0; i < ITEMS; i++) {
		if (!(bits & items[i].bit))
			continue;
		buf_printf(&s->out, "%s%.*s ", blank, STR_ARG(items[i].name));
		out_number(&s->out, value_of(&st, items[i].bit));
		blank = " ";
	}
	buf_z(&s->out, ")\r\n");
	return STORE_OK;
}

void cmd_status(struct session *s, struct parse *p)
{
	struct str name;
	unsigned bits;
	enum store_error e;

	if (!parse_sp(p) || !parse_mailbox(p, &name) || !parse_sp(p) || !status_parse(p, &bits) ||
	    !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	e = status_put(s, name, bits);
	if (e != STORE_OK) {
		reply_store(s, e, "[NONEXISTENT]");
		return;
	}
	sync_view(s, true);
	reply_ok(s, "STATUS completed");
}
