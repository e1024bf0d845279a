/* Questions to services/fetch and their answers. See fetch.h. */
#include "proto/fetch.h"

_Static_assert(
    FETCH_BODY_MAX + FETCH_URL_MAX + FETCH_AUTHORIZATION_MAX < IPC_BODY_MAX - 1024, "must fit");
_Static_assert(FETCH_ANSWER_MAX + FETCH_TYPE_MAX + FETCH_WHY_MAX < IPC_BODY_MAX - 1024, "must fit");

static const char *const outcomes[FETCH_OUTCOMES] = {
	[FETCH_ANSWERED] = "answered",
	[FETCH_REFUSED] = "refused",
	[FETCH_BUSY] = "busy",
	[FETCH_NO_ADDRESS] = "no-address",
	[FETCH_NO_CONNECTION] = "no-connection",
	[FETCH_BAD_CERTIFICATE] = "bad-certificate",
	[FETCH_NO_ANSWER] = "no-answer",
	[FETCH_TOO_LARGE] = "too-large",
	[FETCH_TIMEOUT] = "timeout",
};

const char *fetch_outcome_name(uint8_t outcome)
{
	return outcome < FETCH_OUTCOMES ? outcomes[outcome] : "?";
}

void put_fetch_question(struct put *w, const struct fetch_question *q)
{
	put_u64(w, q->trace);
	put_u8(w, q->kind);
	put_str(w, q->target);
	put_str(w, q->authorization);
	put_str(w, q->body);
}

int get_fetch_question(struct get *g, struct fetch_question *q)
{
	q->trace = get_u64(g);
	q->kind = get_u8(g);
	q->target = get_line(g, FETCH_URL_MAX);
	q->authorization = get_line(g, FETCH_AUTHORIZATION_MAX);
	q->body = get_str(g, FETCH_BODY_MAX);
	if (q->kind >= FETCH_KINDS)
		g->bad = true;
	return get_end(g);
}

void put_fetch_reply(struct put *w, const struct fetch_reply *r)
{
	put_u8(w, r->outcome);
	put_u16(w, r->status);
	put_str(w, r->type);
	put_str(w, r->body);
	put_str(w, r->why);
}

int get_fetch_reply(struct get *g, struct fetch_reply *r)
{
	r->outcome = get_u8(g);
	r->status = get_u16(g);
	r->type = get_line(g, FETCH_TYPE_MAX);
	r->body = get_str(g, FETCH_ANSWER_MAX);
	r->why = get_line(g, FETCH_WHY_MAX);
	if (r->outcome >= FETCH_OUTCOMES)
		g->bad = true;
	return get_end(g);
}
