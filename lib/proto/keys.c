/* What services/keys says and is asked. See keys.h. */
#include "proto/keys.h"

#include <string.h>

#include "mail/domain.h"

void put_keys_certificate(struct put *w, const struct keys_certificate *c)
{
	put_str(w, c->name);
	put_u64(w, c->certificate.key);
	put_u8(w, (uint8_t)c->certificate.n);
	for (unsigned i = 0; i < c->certificate.n; i++)
		put_str(w, c->certificate.chain[i]);
}

int get_keys_certificate(struct get *g, struct keys_certificate *c)
{
	c->name = get_line(g, KEYS_NAME_MAX);
	c->certificate.key = get_u64(g);
	c->certificate.n = get_u8(g);
	if (c->certificate.n == 0 || c->certificate.n > TLS_CHAIN) {
		c->certificate.n = 0;
		g->bad = true;
	}
	for (unsigned i = 0; i < c->certificate.n; i++)
		c->certificate.chain[i] = get_str(g, KEYS_CHAIN_BYTES);
	return get_end(g);
}

void put_keys_anchors(struct put *w, const struct str *der, size_t n)
{
	put_u8(w, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		put_str(w, der[i]);
}

int get_keys_anchors(struct get *g, struct str der[KEYS_ANCHORS], size_t *n)
{
	*n = get_u8(g);
	if (*n > KEYS_ANCHORS) {
		*n = 0;
		g->bad = true;
	}
	for (size_t i = 0; i < *n; i++)
		der[i] = get_str(g, KEYS_CHAIN_BYTES);
	return get_end(g);
}

void put_keys_tickets(struct put *w, const struct tls_ticket_key *keys, size_t n)
{
	put_u8(w, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		put_str(w, str_bytes(keys[i].name, sizeof keys[i].name));
		put_str(w, str_bytes(keys[i].cipher, sizeof keys[i].cipher));
		put_str(w, str_bytes(keys[i].mac, sizeof keys[i].mac));
	}
}

static void get_exactly(struct get *g, uint8_t *to, size_t n)
{
	struct str s = get_str(g, n);

	if (s.n == n)
		memcpy(to, s.p, n);
	else
		g->bad = true;
}

int get_keys_tickets(struct get *g, struct tls_ticket_key keys[TLS_TICKET_KEYS], size_t *n)
{
	*n = get_u8(g);
	if (*n > TLS_TICKET_KEYS) {
		*n = 0;
		g->bad = true;
	}
	for (size_t i = 0; i < *n; i++) {
		get_exactly(g, keys[i].name, sizeof keys[i].name);
		get_exactly(g, keys[i].cipher, sizeof keys[i].cipher);
		get_exactly(g, keys[i].mac, sizeof keys[i].mac);
	}
	return get_end(g);
}

void put_keys_question(struct put *w, const struct keys_question *q)
{
	put_u64(w, q->key);
	put_u16(w, q->scheme);
	put_str(w, q->text);
}

int get_keys_question(struct get *g, struct keys_question *q)
{
	q->key = get_u64(g);
	q->scheme = get_u16(g);
	q->text = get_str(g, TLS_TEXT_MAX);
	return get_end(g);
}

void put_keys_dkim(struct put *w, const struct keys_dkim *k)
{
	put_u64(w, k->id);
	put_str(w, k->key.domain);
	put_str(w, k->key.selector);
	put_str(w, k->key.algorithm);
}

int get_keys_dkim(struct get *g, struct keys_dkim *k)
{
	k->id = get_u64(g);
	k->key.domain = get_line(g, DOMAIN_MAX);
	k->key.selector = get_line(g, DKIM_SELECTOR_MAX);
	k->key.algorithm = get_line(g, DKIM_ALGORITHM_MAX);
	return get_end(g);
}

void put_keys_dkim_question(struct put *w, const struct keys_dkim_question *q)
{
	put_u64(w, q->id);
	put_str(w, q->text);
}

int get_keys_dkim_question(struct get *g, struct keys_dkim_question *q)
{
	q->id = get_u64(g);
	q->text = get_str(g, DKIM_TEXT_MAX);
	return get_end(g);
}
