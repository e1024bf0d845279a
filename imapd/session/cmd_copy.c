/* COPY, MOVE (RFC 6851), EXPUNGE, UID EXPUNGE (RFC 4315). */
#include "commands.h"
#include "io.h"
#include "set.h"

static void put_copyuid(struct buf *b, const struct store_copied *c)
{
	buf_printf(b, "[COPYUID %u ", c->uidvalidity);
	set_put(b, c->from, c->n);
	buf_char(b, ' ');
	set_put(b, c->to, c->n);
	buf_z(b, "] ");
}

static void answer_copy(struct session *s, const struct store_copied *c, size_t asked)
{
	struct buf text;

	buf_init(&text, (size_t)32 * c->n + 200);
	if (c->n > 0)
		put_copyuid(&text, c);
	buf_z(&text, "COPY completed");
	sync_view(s, true);
	if (c->n < asked && !s->uid)
		reply_no(s, "[EXPUNGEISSUED] Some of the messages no longer exist");
	else
		reply_ok(s, buf_cstr(&text));
	buf_clear(&text);
}

/* COPYUID comes before the EXPUNGEs that follow from it, whatever the end. */
static void answer_move(struct session *s, const struct store_copied *c, enum store_error e)
{
	if (c->n > 0) {
		buf_z(&s->out, "* OK ");
		put_copyuid(&s->out, c);
		buf_z(&s->out, "Moved\r\n");
		sync_tell(s, s->view->folder);
	}
	sync_view(s, true);
	if (e != STORE_OK)
		reply_store(s, e, "[TRYCREATE]");
	else
		reply_ok(s, "MOVE completed");
}

static void copy_or_move(struct session *s, struct parse *p, bool move)
{
	struct set set;
	struct str mailbox;
	uint32_t *idx;
	size_t n;
	struct store_copied copied = { 0 };
	enum store_error e;

	if (!parse_sp(p) || !parse_set(p, &set) || !parse_sp(p) || !parse_mailbox(p, &mailbox) ||
	    !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	if (move && s->view->readonly) {
		reply_no(s, "[READ-ONLY] the mailbox is open for reading only");
		return;
	}
	if (sync_resolve(s, &set, &idx, &n) == -1)
		return;
	e = store_copy(s->view, idx, n, mailbox, move, &copied);
	if (copied.n > 0)
		sync_tell_name(s, mailbox);
	if (move)
		answer_move(s, &copied, e);
	else if (e != STORE_OK)
		reply_store(s, e, "[TRYCREATE]");
	else
		answer_copy(s, &copied, n);
}

void cmd_copy(struct session *s, struct parse *p)
{
	copy_or_move(s, p, false);
}

void cmd_move(struct session *s, struct parse *p)
{
	copy_or_move(s, p, true);
}

/* --- EXPUNGE --------------------------------------------------------------------------------- */

static void expunge(struct session *s, const uint32_t *idx, size_t n)
{
	uint32_t count = 0;
	enum store_error e;

	if (s->view->readonly) {
		reply_no(s, "[READ-ONLY] the mailbox is open for reading only");
		return;
	}
	e = store_expunge(s->view, idx, n, &count);
	if (e != STORE_OK) {
		reply_store(s, e, NULL);
		return;
	}
	if (count > 0)
		sync_tell(s, s->view->folder);
	sync_view(s, true);
	reply_ok(s, "EXPUNGE completed");
}

void cmd_expunge(struct session *s, struct parse *p)
{
	if (!parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	expunge(s, NULL, 0);
}

void cmd_uid_expunge(struct session *s, struct parse *p)
{
	struct set set;
	uint32_t *idx;
	size_t n;

	if (!parse_sp(p) || !parse_set(p, &set) || !parse_end(p)) {
		reply_parse(s, p);
		return;
	}
	if (sync_resolve(s, &set, &idx, &n) == 0)
		expunge(s, idx, n);
}
