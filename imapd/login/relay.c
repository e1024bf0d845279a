/* Between a client under TLS and its session. See relay.h. */
#include "relay.h"

enum {
	PIECE = 16 * 1024, /* read from one side at once */
	ENOUGH = 16 * 1024, /* unsent for one side: the other is not read */
	OUTPUT = PIECE + ENOUGH,
	LAST_WORDS = 30 * 1000, /* ms for the other side to take what is left */
};

/* What from has goes to `to`; from rests while that does not take it. */
static void move(struct conn *from, struct conn *to)
{
	conn_write(to, buf_view(&from->in));
	buf_drop(&from->in, from->in.n);
	if (to->out.n > ENOUGH)
		conn_pause(from);
}

static void check_over(struct relay *r)
{
	if (r->outer_ended && r->inner_ended)
		r->over(r->arg);
}

/* The other side gets what is waiting for it, and then its end. */
static void finish(struct conn *c, bool ended)
{
	if (ended)
		return;
	conn_deadline(c, LAST_WORDS);
	conn_linger(c);
}

static void outer_input(struct conn *c)
{
	struct relay *r = c->owner;

	move(c, &r->inner);
}

static void outer_drained(struct conn *c)
{
	struct relay *r = c->owner;

	conn_resume(&r->inner);
}

static void outer_end(struct conn *c, enum conn_end why)
{
	struct relay *r = c->owner;

	(void)why;
	r->outer_ended = true;
	finish(&r->inner, r->inner_ended);
	check_over(r);
}

static void inner_input(struct conn *c)
{
	struct relay *r = c->owner;

	move(c, r->outer);
}

static void inner_drained(struct conn *c)
{
	struct relay *r = c->owner;

	conn_resume(r->outer);
}

static void inner_end(struct conn *c, enum conn_end why)
{
	struct relay *r = c->owner;

	(void)why;
	r->inner_ended = true;
	finish(r->outer, r->outer_ended);
	check_over(r);
}

void relay_begin(struct relay *r, struct conn *outer, int *inner, void (*over)(void *), void *arg)
{
	static const struct conn_events outer_events = {
		.input = outer_input, .drained = outer_drained, .end = outer_end
	};
	static const struct conn_events inner_events = {
		.input = inner_input, .drained = inner_drained, .end = inner_end
	};

	*r = (struct relay){ .outer = outer, .over = over, .arg = arg };
	conn_init(&r->inner, inner, PIECE, OUTPUT, &inner_events, r);
	outer->events = &outer_events;
	outer->owner = r;
	outer->in.max = PIECE;
	outer->out.max = OUTPUT;
	conn_deadline(outer, 0);
	conn_resume(outer);
}

void relay_end(struct relay *r)
{
	finish(&r->inner, r->inner_ended);
}

void relay_close(struct relay *r)
{
	conn_close(&r->inner);
}
