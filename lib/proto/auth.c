/*
 * The questions about accounts. See auth.h. Every get ends with a check of what has been read;
 * strings are borrowed from the packet.
 */
#include "proto/auth.h"

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
