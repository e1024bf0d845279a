/*
 * The messages about accounts and grants. See grant.h. Every get ends with a check of what has been
 * read; strings are borrowed from the packet.
 */
#include "proto/grant.h"

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
