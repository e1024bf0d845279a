/* SEARCH (RFC 3501 6.4.4, RFC 4731). */
#include "commands.h"
#include "io.h"
#include "search.h"

struct found {
	uint32_t *v; /* numbers of the kind that the client asked for */
	size_t n;
	uint64_t modseq, first_modseq, last_modseq;
};

static void look_at_all(struct session *s, const struct search *q, struct found *f)
{
	const struct store_view *v = s->view;
	struct content c;

	f->v = arena_array(&s->arena, v->n, sizeof *f->v);
	content_init(&c, s);
	for (uint32_t i = 0; i < v->n; i++) {
		/* cheap keys never open anything, so the seek is all that it costs */
		content_seek(&c, i);
		if (!search_match(&c, q->root))
			continue;
		if (f->n == 0)
			f->first_modseq = v->msgs[i].modseq;
		f->last_modseq = v->msgs[i].modseq;
		if (v->msgs[i].modseq > f->modseq)
			f->modseq = v->msgs[i].modseq;
		f->v[f->n++] = s->uid ? v->msgs[i].uid : i + 1;
	}
	content_clear(&c);
	store_item_flush(s->view);
}

static void put_plain(struct session *s, const struct search *q, const struct found *f)
{
	struct buf *b = &s->out;

	buf_z(b, "* SEARCH");
	for (size_t i = 0; i < f->n; i++) {
		buf_char(b, ' ');
		out_number(b, f->v[i]);
		io_commit(s);
	}
	if (q->modseq && f->n > 0)
		buf_printf(b, " (MODSEQ %llu)", (unsigned long long)f->modseq);
	buf_z(b, "\r\n");
}

/* RFC 7162 3.1.10: the highest of what the answer names. */
static uint64_t told_modseq(const struct search *q, const struct found *f)
{
	uint64_t highest = 0;

	if (q->ret & (RETURN_ALL | RETURN_COUNT))
		return f->modseq;
	if (q->ret & RETURN_MIN)
		highest = f->first_modseq;
	if ((q->ret & RETURN_MAX) && f->last_modseq > highest)
		highest = f->last_modseq;
	return highest;
}

static void put_extended(struct session *s, const struct search *q, const struct found *f)
{
	struct buf *b = &s->out;

	buf_printf(b, "* ESEARCH (TAG \"%.*s\")%s", STR_ARG(s->tag), s->uid ? " UID" : "");
	if ((q->ret & RETURN_MIN) && f->n > 0)
		buf_printf(b, " MIN %u", f->v[0]);
	if ((q->ret & RETURN_MAX) && f->n > 0)
		buf_printf(b, " MAX %u", f->v[f->n - 1]);
	if ((q->ret & RETURN_ALL) && f->n > 0) {
		buf_z(b, " ALL ");
		set_put(b, f->v, f->n);
	}
	if (q->ret & RETURN_COUNT)
		buf_printf(b, " COUNT %zu", f->n);
	if (q->modseq && f->n > 0)
		buf_printf(b, " MODSEQ %llu", (unsigned long long)told_modseq(q, f));
	buf_z(b, "\r\n");
}

void cmd_search(struct session *s, struct parse *p)
{
	struct search q;
	struct found f = { 0 };
	enum store_error e;

	if (!search_parse(p, &q)) {
		reply_parse(s, p);
		return;
	}
	if (q.bad_charset) {
		reply_no(s, "[BADCHARSET (US-ASCII UTF-8)] charset is not supported");
		return;
	}
	if (q.modseq)
		enable_condstore(s);
	e = search_bind(s, q.root);
	if (e != STORE_OK) {
		reply_store(s, e, NULL);
		return;
	}
	look_at_all(s, &q, &f);
	if (q.esearch)
		put_extended(s, &q, &f);
	else
		put_plain(s, &q, &f);
	sync_view(s, s->uid);
	reply_ok(s, "SEARCH completed");
}
