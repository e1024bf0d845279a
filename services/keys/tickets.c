/* Keys of session tickets. See tickets.h. */
#include "tickets.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

static struct ring {
	enum role role;
	size_t n;
	struct tls_ticket_key keys[TLS_TICKET_KEYS];
} rings[] = { { .role = ROLE_SUBMIT }, { .role = ROLE_LOGIN } };

static struct ring *find(enum role role)
{
	for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
		if (rings[i].role == role)
			return &rings[i];
	return NULL;
}

bool tickets_of(enum role role)
{
	return find(role) != NULL;
}

static void turn(struct ring *r)
{
	memmove(&r->keys[1], &r->keys[0], (TLS_TICKET_KEYS - 1) * sizeof *r->keys);
	if (RAND_bytes(r->keys[0].name, sizeof r->keys[0].name) != 1 ||
	    RAND_priv_bytes(r->keys[0].cipher, sizeof r->keys[0].cipher) != 1 ||
	    RAND_priv_bytes(r->keys[0].mac, sizeof r->keys[0].mac) != 1)
		abort();
	if (r->n < TLS_TICKET_KEYS)
		r->n++;
}

const struct tls_ticket_key *tickets_keys(enum role role, size_t *n)
{
	struct ring *r = find(role);

	if (r->n == 0)
		turn(r);
	*n = r->n;
	return r->keys;
}

void tickets_rotate(void)
{
	for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
		if (rings[i].n > 0)
			turn(&rings[i]);
}
