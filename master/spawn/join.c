/* Where a grant of auth and a connection of login find each other. See join.h. */
#include "join.h"

#include <string.h>

#include "base/alloc.h"

static bool same_nonce(const uint8_t *a, const uint8_t *b)
{
	unsigned diff = 0;

	for (unsigned i = 0; i < NONCE_BYTES; i++)
		diff |= (unsigned)a[i] ^ b[i];
	return diff == 0;
}

/* Copies s to *at, which moves behind it; s then points there. */
static void keep(struct str *s, char **at)
{
	if (s->n > 0)
		memcpy(*at, s->p, s->n);
	s->p = *at;
	*at += s->n;
}

static struct grant_slot *find_grant(struct join *j, uint64_t now, const uint8_t *nonce)
{
	for (unsigned i = 0; i < JOIN_GRANTS; i++)
		if (j->grants[i].expires > now && same_nonce(j->grants[i].grant.nonce, nonce))
			return &j->grants[i];
	return NULL;
}

static struct arrival_slot *find_arrival(struct join *j, uint64_t now, const uint8_t *nonce)
{
	for (unsigned i = 0; i < JOIN_HANDOVERS; i++)
		if (j->arrivals[i].expires > now &&
		    same_nonce(j->arrivals[i].arrival.handover.nonce, nonce))
			return &j->arrivals[i];
	return NULL;
}

static bool is_spent(const struct join *j, uint64_t now, const uint8_t *nonce)
{
	for (unsigned i = 0; i < JOIN_SPENT; i++)
		if (j->spent[i].expires > now && same_nonce(j->spent[i].nonce, nonce))
			return true;
	return false;
}

static void spend(struct join *j, uint64_t now, const uint8_t *nonce)
{
	struct spent_slot *s = &j->spent[j->next_spent++ % JOIN_SPENT];

	s->expires = now + GRANT_SECONDS * 1000;
	memcpy(s->nonce, nonce, NONCE_BYTES);
}

/* How many halves of that login process are waiting. */
static unsigned grants_of(const struct join *j, unsigned instance)
{
	unsigned n = 0;

	for (unsigned i = 0; i < JOIN_GRANTS; i++)
		n += j->grants[i].expires != 0 && j->grants[i].grant.login_instance == instance;
	return n;
}

static unsigned arrivals_of(const struct join *j, unsigned instance)
{
	unsigned n = 0;

	for (unsigned i = 0; i < JOIN_HANDOVERS; i++)
		n += j->arrivals[i].expires != 0 && j->arrivals[i].arrival.instance == instance;
	return n;
}

static enum join_result store_grant(struct join *j, uint64_t now, const struct grant *g)
{
	if (grants_of(j, g->login_instance) >= JOIN_GRANTS_EACH)
		return JOIN_FULL;
	for (unsigned i = 0; i < JOIN_GRANTS; i++) {
		struct grant_slot *s = &j->grants[i];
		char *at = s->text;

		if (s->expires != 0)
			continue;
		s->expires = now + GRANT_SECONDS * 1000;
		s->grant = *g;
		keep(&s->grant.account.address, &at);
		keep(&s->grant.account.home, &at);
		j->waiting++;
		return JOIN_WAIT;
	}
	return JOIN_FULL;
}

static enum join_result store_arrival(struct join *j, uint64_t now, const struct arrival *a)
{
	if (arrivals_of(j, a->instance) >= JOIN_HANDOVERS_EACH)
		return JOIN_FULL;
	for (unsigned i = 0; i < JOIN_HANDOVERS; i++) {
		struct arrival_slot *s = &j->arrivals[i];
		struct handover *h = &s->arrival.handover;
		char *at;

		if (s->expires != 0)
			continue;
		s->expires = now + GRANT_SECONDS * 1000;
		s->arrival = *a;
		at = s->text = xmalloc(h->client.n + h->tag.n + h->input.n + 1);
		keep(&h->client, &at);
		keep(&h->tag, &at);
		keep(&h->input, &at);
		j->waiting++;
		return JOIN_WAIT;
	}
	return JOIN_FULL;
}

static void take_arrival(struct join *j, struct arrival_slot *s, struct pair *out)
{
	out->arrival = s->arrival;
	out->memory = s->text;
	s->text = NULL;
	s->expires = 0;
	j->waiting--;
}

enum join_result join_grant(struct join *j, uint64_t now, const struct grant *g, struct pair *out)
{
	struct arrival_slot *a = find_arrival(j, now, g->nonce);

	if (is_spent(j, now, g->nonce) || find_grant(j, now, g->nonce) != NULL)
		return JOIN_REPEATED;
	if (a == NULL)
		return store_grant(j, now, g);
	out->grant = *g;
	take_arrival(j, a, out);
	if (out->arrival.instance != g->login_instance) {
		(void)store_grant(j, now, g); /* the right one may still come */
		return JOIN_FOREIGN;
	}
	spend(j, now, g->nonce);
	return JOIN_PAIR;
}

enum join_result join_arrival(
    struct join *j, uint64_t now, const struct arrival *a, struct pair *out)
{
	struct grant_slot *s = find_grant(j, now, a->handover.nonce);

	if (is_spent(j, now, a->handover.nonce))
		return JOIN_REPEATED;
	if (s == NULL)
		return find_arrival(j, now, a->handover.nonce) != NULL ? JOIN_REPEATED
								       : store_arrival(j, now, a);
	if (s->grant.login_instance != a->instance)
		return JOIN_FOREIGN;
	*out = (struct pair){ .grant = s->grant, .arrival = *a };
	s->expires = 0;
	j->waiting--;
	spend(j, now, a->handover.nonce);
	return JOIN_PAIR;
}

void join_revoke(struct join *j, uint64_t now, struct str home)
{
	for (unsigned i = 0; i < JOIN_GRANTS && j->waiting > 0; i++) {
		struct grant_slot *s = &j->grants[i];

		if (s->expires == 0 || !str_eq(s->grant.account.home, home))
			continue;
		spend(j, now, s->grant.nonce); /* whoever comes for it hears at once */
		s->expires = 0;
		j->waiting--;
	}
}

int join_expired(struct join *j, uint64_t now, struct pair *out)
{
	for (unsigned i = 0; i < JOIN_HANDOVERS && j->waiting > 0; i++)
		if (j->arrivals[i].expires != 0 && j->arrivals[i].expires <= now) {
			take_arrival(j, &j->arrivals[i], out);
			return 1;
		}
	for (unsigned i = 0; i < JOIN_GRANTS && j->waiting > 0; i++)
		if (j->grants[i].expires != 0 && j->grants[i].expires <= now) {
			*out = (struct pair){ .grant = j->grants[i].grant };
			j->grants[i].expires = 0;
			j->waiting--;
			return 2;
		}
	return 0;
}

bool join_orphan(struct join *j, unsigned instance, struct pair *out)
{
	for (unsigned i = 0; i < JOIN_HANDOVERS; i++)
		if (j->arrivals[i].expires != 0 && j->arrivals[i].arrival.instance == instance) {
			take_arrival(j, &j->arrivals[i], out);
			return true;
		}
	return false;
}
