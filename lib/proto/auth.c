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

void put_auth_salt(struct put *w, const struct auth_who *who)
{
	put_who(w, who);
}

int get_auth_salt(struct get *g, struct auth_who *who)
{
	get_who(g, who);
	return get_end(g);
}

void put_auth_salt_answer(struct put *w, const struct auth_salt_answer *a)
{
	put_u8(w, a->verdict);
	put_str(w, a->salt);
	put_u32(w, a->iterations);
}

int get_auth_salt_answer(struct get *g, struct auth_salt_answer *a)
{
	a->verdict = get_u8(g);
	a->salt = get_str(g, SCRAM_SALT_BYTES);
	a->iterations = get_u32(g);
	if (a->verdict > AUTH_LATER)
		g->bad = true;
	return get_end(g);
}

void put_auth_proof(struct put *w, const struct auth_proof *p)
{
	put_who(w, &p->who);
	put_u8(w, p->hash);
	put_str(w, p->message);
	put_str(w, p->proof);
}

int get_auth_proof(struct get *g, struct auth_proof *p)
{
	get_who(g, &p->who);
	p->hash = get_u8(g);
	p->message = get_str(g, SCRAM_MESSAGE_MAX);
	p->proof = get_str(g, SCRAM_HASH_MAX);
	if (p->hash >= SCRAM_HASHES)
		g->bad = true;
	return get_end(g);
}

static void put_answer(struct put *w, const struct auth_answer *a)
{
	put_u8(w, a->verdict);
	put_str(w, a->address);
	put_nonce(w, a->nonce);
}

static void get_answer(struct get *g, struct auth_answer *a)
{
	a->verdict = get_u8(g);
	a->address = get_line(g, LOGIN_MAX);
	get_nonce(g, a->nonce);
	if (a->verdict > AUTH_LATER)
		g->bad = true;
}

void put_auth_proof_answer(struct put *w, const struct auth_proof_answer *a)
{
	put_answer(w, &a->answer);
	put_str(w, a->signature);
}

int get_auth_proof_answer(struct get *g, struct auth_proof_answer *a)
{
	get_answer(g, &a->answer);
	a->signature = get_str(g, SCRAM_HASH_MAX);
	return get_end(g);
}

void put_auth_token(struct put *w, const struct auth_token *t)
{
	put_who(w, &t->who);
	put_str(w, t->token);
	put_u32(w, (uint32_t)t->text.n);
	put_str(w, t->signature);
}

int get_auth_token(struct get *g, struct auth_token *t)
{
	uint32_t n;

	get_who(g, &t->who);
	t->token = get_line(g, TOKEN_MAX);
	n = get_u32(g);
	if (n > t->token.n || t->token.n == 0)
		g->bad = true;
	t->text = str_take(t->token, n);
	t->signature = get_str(g, TOKEN_SIGNATURE_MAX);
	return get_end(g);
}

void put_auth_certificate(struct put *w, const struct auth_certificate *c)
{
	put_who(w, &c->who);
	put_str(w, c->name);
}

int get_auth_certificate(struct get *g, struct auth_certificate *c)
{
	get_who(g, &c->who);
	c->name = get_line(g, LOGIN_MAX);
	return get_end(g);
}

void put_auth_answer(struct put *w, const struct auth_answer *a)
{
	put_answer(w, a);
}

int get_auth_answer(struct get *g, struct auth_answer *a)
{
	get_answer(g, a);
	return get_end(g);
}

void put_address(struct put *w, const struct account *a)
{
	put_u8(w, a != NULL);
	if (a == NULL)
		return;
	put_account(w, a);
	put_u8(w, a->may_submit);
	put_u32(w, a->per_hour);
	put_u32(w, a->per_day);
	put_str(w, a->senders);
	put_str(w, a->targets);
}

int get_address(struct get *g, bool *found, struct account *a)
{
	*a = (struct account){ 0 };
	*found = get_bool(g);
	if (!*found)
		return get_end(g);
	get_account(g, a);
	a->may_submit = get_bool(g);
	a->per_hour = get_u32(g);
	a->per_day = get_u32(g);
	a->senders = get_line(g, SENDERS_TEXT_MAX);
	a->targets = get_line(g, TARGETS_TEXT_MAX);
	return get_end(g);
}

void put_account_change(struct put *w, const struct account_change *c)
{
	put_str(w, c->address);
	put_str(w, c->password);
	put_u32(w, c->fields);
	put_u32(w, c->flags);
	put_u32(w, c->no_flags);
	put_u64(w, c->quota);
	put_u32(w, c->per_hour);
	put_u32(w, c->per_day);
	put_str(w, c->text);
	put_str(w, c->name);
	put_u8(w, c->scopes);
	put_i64(w, c->expires);
	put_u32(w, c->number);
	put_u8(w, c->dry);
}

int get_account_change(struct get *g, struct account_change *c)
{
	c->address = get_line(g, LOGIN_MAX);
	c->password = get_line(g, PASSWORD_MAX);
	c->fields = get_u32(g);
	c->flags = get_u32(g);
	c->no_flags = get_u32(g);
	c->quota = get_u64(g);
	c->per_hour = get_u32(g);
	c->per_day = get_u32(g);
	c->text = get_line(g, TARGETS_TEXT_MAX);
	c->name = get_line(g, APP_NAME_MAX);
	c->scopes = get_u8(g);
	c->expires = get_i64(g);
	c->number = get_u32(g);
	c->dry = get_bool(g);
	if ((c->fields & ~(uint32_t)CHANGE_FIELDS) != 0 || (c->scopes & ~SCOPES) != 0)
		g->bad = true;
	return get_end(g);
}

void put_account_listing(struct put *w, const struct account_listing *l)
{
	put_str(w, l->what);
	put_str(w, l->key);
	put_u8(w, l->secrets);
}

int get_account_listing(struct get *g, struct account_listing *l)
{
	l->what = get_line(g, AUTH_SERVICE_MAX);
	l->key = get_line(g, LOGIN_MAX);
	l->secrets = get_bool(g);
	return get_end(g);
}
