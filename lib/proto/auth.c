/*
 * The messages about accounts and grants. See auth.h. Every get ends with a check of what has been
 * read; strings are borrowed from the packet.
 */
#include "proto/auth.h"

#include <string.h>

void put_account(struct put *w, const struct account *a)
{
	put_str(w, a->address);
	put_str(w, a->home);
	put_u32(w, a->uid);
	put_u32(w, a->gid);
	put_u64(w, a->quota);
	put_u8(w, a->enabled);
}

int get_account(struct get *g, struct account *a)
{
	a->address = get_line(g, LOGIN_MAX);
	a->home = get_line(g, HOME_MAX);
	a->uid = get_u32(g);
	a->gid = get_u32(g);
	a->quota = get_u64(g);
	a->enabled = get_bool(g);
	return get_ok(g);
}

void put_nonce(struct put *w, const uint8_t nonce[NONCE_BYTES])
{
	put_str(w, str_bytes(nonce, NONCE_BYTES));
}

void get_nonce(struct get *g, uint8_t nonce[NONCE_BYTES])
{
	struct str s = get_str(g, NONCE_BYTES);

	if (s.n == NONCE_BYTES) {
		memcpy(nonce, s.p, NONCE_BYTES);
		return;
	}
	memset(nonce, 0, NONCE_BYTES);
	g->bad = true;
}

static void put_who(struct put *w, const struct auth_who *q)
{
	put_u64(w, q->trace);
	put_str(w, q->service);
	put_str(w, q->client);
	put_str(w, q->mechanism);
	put_u16(w, q->instance);
	put_str(w, q->login);
}

static void get_who(struct get *g, struct auth_who *q)
{
	q->trace = get_u64(g);
	q->service = get_line(g, AUTH_SERVICE_MAX);
	q->client = get_line(g, CLIENT_MAX);
	q->mechanism = get_line(g, SASL_NAME_MAX);
	q->instance = get_u16(g);
	q->login = get_str(g, LOGIN_MAX);
}

void put_auth_check(struct put *w, const struct auth_check *c)
{
	put_who(w, &c->who);
	put_str(w, c->password);
}

int get_auth_check(struct get *g, struct auth_check *c)
{
	get_who(g, &c->who);
	c->password = get_str(g, PASSWORD_MAX);
	return get_end(g);
}

void put_auth_answer(struct put *w, const struct auth_answer *a)
{
	put_u8(w, a->verdict);
	put_str(w, a->address);
	put_nonce(w, a->nonce);
}

int get_auth_answer(struct get *g, struct auth_answer *a)
{
	a->verdict = get_u8(g);
	a->address = get_line(g, LOGIN_MAX);
	get_nonce(g, a->nonce);
	if (a->verdict > AUTH_LATER)
		g->bad = true;
	return get_end(g);
}

void put_grant(struct put *w, const struct grant *g)
{
	put_nonce(w, g->nonce);
	put_u16(w, g->login_instance);
	put_u64(w, g->trace);
	put_account(w, &g->account);
}

int get_grant(struct get *g, struct grant *out)
{
	get_nonce(g, out->nonce);
	out->login_instance = get_u16(g);
	out->trace = get_u64(g);
	get_account(g, &out->account);
	return get_end(g);
}

void put_handover(struct put *w, const struct handover *h)
{
	put_nonce(w, h->nonce);
	put_u64(w, h->trace);
	put_str(w, h->client);
	put_str(w, h->tag);
	put_str(w, h->input);
	put_u8(w, h->secure);
}

int get_handover(struct get *g, struct handover *h)
{
	get_nonce(g, h->nonce);
	h->trace = get_u64(g);
	h->client = get_line(g, CLIENT_MAX);
	h->tag = get_line(g, IMAP_TAG_MAX);
	h->input = get_str(g, HANDOVER_INPUT_MAX);
	h->secure = get_bool(g);
	return get_end(g);
}

void put_session_start(struct put *w, const struct session_start *s)
{
	put_u64(w, s->trace);
	put_account(w, &s->account);
	put_str(w, s->client);
	put_str(w, s->tag);
	put_str(w, s->input);
	put_u8(w, s->secure);
}

int get_session_start(struct get *g, struct session_start *s)
{
	s->trace = get_u64(g);
	get_account(g, &s->account);
	s->client = get_line(g, CLIENT_MAX);
	s->tag = get_line(g, IMAP_TAG_MAX);
	s->input = get_str(g, HANDOVER_INPUT_MAX);
	s->secure = get_bool(g);
	return get_end(g);
}

void put_account_change(struct put *w, const struct account_change *c)
{
	put_str(w, c->address);
	put_str(w, c->password);
	put_u64(w, c->quota);
}

int get_account_change(struct get *g, struct account_change *c)
{
	c->address = get_line(g, LOGIN_MAX);
	c->password = get_line(g, PASSWORD_MAX);
	c->quota = get_u64(g);
	return get_end(g);
}
