/* FETCH (RFC 3501 6.4.5). */
#include <string.h>

#include "commands.h"
#include "date.h"
#include "fetch.h"
#include "io.h"
#include "set.h"

enum { SEEN_BATCH = 256 /* messages that become \Seen in one transaction */ };

/* --- items ----------------------------------------------------------------------------------- */

static enum store_error put_text(struct content *c, enum store_error e, struct str text)
{
	if (e == STORE_OK)
		buf_str(&c->s->out, text);
	return e;
}

static enum store_error put_item(struct content *c, const struct fetch_item *item)
{
	const struct store_msg *m = &c->s->view->msgs[c->idx];
	struct buf *b = &c->s->out;
	enum store_error e = STORE_OK;
	struct str text = STR_NONE;

	if (item->kind == FETCH_SECTION)
		return fetch_section(c, item);
	fetch_label(c, item);
	switch (item->kind) {
	case FETCH_UID:
		out_number(b, m->uid);
		break;
	case FETCH_FLAGS:
		out_flags(b, c->s->view, m);
		break;
	case FETCH_INTERNALDATE:
		date_put(b, m->date);
		break;
	case FETCH_SIZE:
		out_number(b, m->size);
		break;
	case FETCH_MODSEQ:
		buf_char(b, '(');
		out_number(b, m->modseq);
		buf_char(b, ')');
		break;
	case FETCH_ENVELOPE:
		e = content_envelope(c, &text);
		return put_text(c, e, text);
	default:
		e = content_structure(c, item->kind == FETCH_BODYSTRUCTURE, &text);
		return put_text(c, e, text);
	}
	return STORE_OK;
}

/* What must be told besides what was asked for. */
static const struct fetch_item uid_item = { .kind = FETCH_UID, .label = { "UID", 3 } };
static const struct fetch_item flags_item = { .kind = FETCH_FLAGS, .label = { "FLAGS", 5 } };
static const struct fetch_item modseq_item = { .kind = FETCH_MODSEQ, .label = { "MODSEQ", 6 } };

/* The answer for one message; nothing at all if it cannot be read. */
static enum store_error put_message(struct content *c, const struct fetch *f, bool new_flags)
{
	struct session *s = c->s;
	size_t start = s->out.n;
	uint64_t sent = s->bytes_out;
	enum store_error e = STORE_OK;
	bool modseq =
	    (f->kinds & 1u << FETCH_MODSEQ) == 0 && s->condstore && (f->changed || new_flags);

	buf_z(&s->out, "* ");
	out_number(&s->out, (uint64_t)c->idx + 1);
	buf_z(&s->out, " FETCH (");
	c->first = true;
	if (s->uid && !(f->kinds & 1u << FETCH_UID))
		put_item(c, &uid_item);
	if (new_flags && !(f->kinds & 1u << FETCH_FLAGS))
		put_item(c, &flags_item);
	if (modseq)
		put_item(c, &modseq_item);
	for (size_t i = 0; e == STORE_OK && i < f->n; i++)
		e = put_item(c, &f->items[i]);
	if (e == STORE_OK)
		buf_z(&s->out, ")\r\n");
	else if (s->bytes_out == sent)
		s->out.n = start;
	else /* half of it has gone out: the client cannot be left with that */
		s->end = END_CLOSED;
	return e;
}

/* --- messages -------------------------------------------------------------------------------- */

/* Sets \Seen on those of n messages that lack it; changed[i] tells which. */
static void set_seen(struct session *s, const uint32_t *idx, size_t n, bool *changed)
{
	const struct store_change seen = { .op = STORE_ADD, .flags = STORE_SEEN };
	uint32_t which[SEEN_BATCH];
	enum store_result results[SEEN_BATCH];
	size_t place[SEEN_BATCH], k = 0;

	memset(changed, 0, n * sizeof *changed);
	for (size_t i = 0; i < n; i++) {
		if (s->view->msgs[idx[i]].flags & STORE_SEEN)
			continue;
		place[k] = i;
		which[k++] = idx[i];
	}
	if (k == 0)
		return;
	if (store_change(s->view, which, k, &seen, results) != STORE_OK) {
		/* The mail can be read all the same, say on a full disk. */
		log_warning(&s->log, EV("seen-failed"), KI("messages", k));
		return;
	}
	for (size_t i = 0; i < k; i++)
		changed[place[i]] = results[i] == STORE_CHANGED;
	sync_tell(s, s->view->folder);
}

struct outcome {
	bool gone, unreadable;
};

static void fetch_batch(
    struct content *c, const struct fetch *f, const uint32_t *idx, size_t n, struct outcome *out)
{
	struct session *s = c->s;
	bool changed[SEEN_BATCH] = { false };

	if (f->seen && !s->view->readonly)
		set_seen(s, idx, n, changed);
	for (size_t i = 0; i < n && s->end == END_NONE; i++) {
		enum store_error e;

		content_seek(c, idx[i]);
		e = put_message(c, f, changed[i]);
		out->gone |= e == STORE_GONE;
		out->unreadable |= e != STORE_OK && e != STORE_GONE;
		io_commit(s);
	}
}

static size_t changed_since(
    const struct store_view *v, const struct fetch *f, uint32_t *idx, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (v->msgs[idx[i]].modseq > f->changedsince)
			idx[k++] = idx[i];
	}
	return k;
}

void cmd_fetch(struct session *s, struct parse *p)
{
	struct fetch f;
	struct set set;
	struct content c;
	struct outcome out = { 0 };
	uint32_t *idx;
	size_t n;

	if (!parse_sp(p) || !parse_set(p, &set) || !fetch_parse(p, &f)) {
		reply_parse(s, p);
		return;
	}
	if (sync_resolve(s, &set, &idx, &n) == -1)
		return;
	if (f.changed || (f.kinds & 1u << FETCH_MODSEQ))
		enable_condstore(s);
	if (f.changed)
		n = changed_since(s->view, &f, idx, n);
	content_init(&c, s);
	for (size_t i = 0; i < n && s->end == END_NONE; i += SEEN_BATCH)
		fetch_batch(&c, &f, idx + i, n - i < SEEN_BATCH ? n - i : SEEN_BATCH, &out);
	content_clear(&c);
	store_item_flush(s->view);
	if (s->end != END_NONE)
		return;
	sync_view(s, s->uid);
	if (out.gone && !s->uid)
		reply_no(s, "[EXPUNGEISSUED] Some of the messages no longer exist");
	else if (out.unreadable)
		reply_no(s, "[SERVERBUG] Some of the messages could not be read");
	else
		reply_ok(s, "FETCH completed");
}
