/* Changes to the header of a message. See edit.h. */
#include "mail/edit.h"

#include <assert.h>

void edit_start(struct edit_copy *c, const struct edit *edits, uint32_t n,
    int (*out)(void *arg, struct str bytes), void *arg)
{
	assert(n <= EDITS_MAX);
	*c = (struct edit_copy){ .edits = edits, .n = n, .out = out, .arg = arg, .body = n == 0 };
	header_start(&c->scan);
}

static int put_field(struct edit_copy *c, const struct edit *e)
{
	const struct str parts[] = { e->name, STR(":"), e->value, STR("\r\n") };
	int r = 0;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0] && r == 0; i++)
		r = c->out(c->arg, parts[i]);
	return r;
}

static int insert_before(struct edit_copy *c, uint32_t field)
{
	int r = 0;

	for (uint32_t i = 0; i < c->n && r == 0; i++) {
		if (c->edits[i].kind == EDIT_INSERT && c->edits[i].index == field)
			r = put_field(c, &c->edits[i]);
	}
	return r;
}

/* The edit that changes or deletes the field that has just begun, or NULL. */
static const struct edit *edit_of_field(struct edit_copy *c)
{
	const struct edit *found = NULL;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct edit *e = &c->edits[i];

		if (e->kind == EDIT_INSERT || !str_caseeq(e->name, c->scan.name))
			continue;
		if (++c->seen[i] == e->index)
			found = e;
	}
	return found;
}

static int begin_field(struct edit_copy *c)
{
	int r = insert_before(c, c->fields);
	const struct edit *e = edit_of_field(c);

	c->fields++;
	c->skip = e != NULL;
	if (r != 0)
		return r;
	if (e == NULL)
		return c->out(c->arg, c->scan.raw);
	return e->kind == EDIT_CHANGE ? put_field(c, e) : 0;
}

/* What found no place of its own stands at the end of the header. */
static int end_header(struct edit_copy *c)
{
	int r = 0;

	c->body = true;
	for (uint32_t i = 0; i < c->n && r == 0; i++) {
		const struct edit *e = &c->edits[i];

		if ((e->kind == EDIT_INSERT && e->index >= c->fields) ||
		    (e->kind == EDIT_CHANGE && c->seen[i] < e->index))
			r = put_field(c, e);
	}
	return r;
}

int edit_feed(struct edit_copy *c, struct str bytes)
{
	enum header_piece piece;
	int r = 0;

	while (!c->body && r == 0 && (piece = header_next(&c->scan, &bytes)) != HEADER_MORE) {
		if (piece == HEADER_FIELD) {
			r = begin_field(c);
		} else if (piece == HEADER_VALUE) {
			r = c->skip ? 0 : c->out(c->arg, c->scan.piece);
		} else {
			r = end_header(c);
			if (r == 0)
				r = c->out(c->arg, c->scan.raw);
		}
	}
	return r != 0 || bytes.n == 0 ? r : c->out(c->arg, bytes);
}

int edit_finish(struct edit_copy *c)
{
	struct str rest;
	int r;

	if (c->body)
		return 0;
	rest = header_rest(&c->scan);
	r = end_header(c);
	return r != 0 || rest.n == 0 ? r : c->out(c->arg, rest);
}
