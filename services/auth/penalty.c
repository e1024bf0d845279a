/* Who guesses too fast. See penalty.h. */
#include "penalty.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/alloc.h"
#include "base/siphash.h"

/* --- buckets --------------------------------------------------------------------------------- */

void penalty_init(struct penalty *p, const uint64_t secret[2], uint32_t per_minute, bool remembers)
{
	memset(p, 0, sizeof *p);
	memcpy(p->secret, secret, sizeof p->secret);
	p->per_minute = per_minute;
	if (!remembers)
		return;
	p->memory = xcalloc(1, sizeof *p->memory);
	memcpy(p->memory->secret, secret, sizeof p->memory->secret);
}

/* What one customer has: an IPv4 address, an IPv6 /64. Anything else counts as it is written. */
static size_t network(struct str client, char out[64])
{
	char text[INET6_ADDRSTRLEN];

	if (str_copy(client, text, sizeof text) == 0) {
		if (inet_pton(AF_INET, text, out) == 1)
			return 4;
		if (inet_pton(AF_INET6, text, out) == 1)
			return 8;
	}
	client = str_take(client, 64);
	memcpy(out, client.p, client.n);
	return client.n;
}

static uint64_t key_of(const uint64_t secret[2], struct str client, struct str login)
{
	char bytes[64 + 1 + 512];
	size_t n = network(client, bytes);

	login = str_take(login, 512);
	bytes[n++] = '\n';
	if (login.n > 0)
		memcpy(bytes + n, login.p, login.n);
	return siphash(secret, str_bytes(bytes, n + login.n)) | 1;
}

enum { FULL_RECOVERY = 60 }; /* seconds: a bucket holds the tries of one minute */

static uint32_t used_at(const struct penalty_bucket *b, uint32_t now, uint32_t rate)
{
	uint64_t back = (uint64_t)(now - b->since) * rate * 1000 / FULL_RECOVERY;

	return back >= b->used ? 0 : b->used - (uint32_t)back;
}

/*
 * The bucket of that key, recovered up to second `now`; a new one takes the place of the one with
 * the fewest tries used, so a flood of names cannot wash out those that are being punished.
 */
static struct penalty_bucket *bucket(struct penalty *p, uint64_t key, uint32_t now, uint32_t rate)
{
	struct penalty_bucket *set = p->sets[key / 2 % PENALTY_SETS], *least = NULL;

	for (unsigned i = 0; i < PENALTY_WAYS; i++) {
		struct penalty_bucket *b = &set[i];

		if (b->key == key) {
			b->used = used_at(b, now, rate);
			b->since = now;
			return b;
		}
		if (b->key == 0 || now - b->since >= FULL_RECOVERY)
			b->used = 0;
		if (least == NULL || b->used < least->used)
			least = b;
	}
	*least = (struct penalty_bucket){ .key = key, .since = now };
	return least;
}

/* --- who is known ---------------------------------------------------------------------------- */

static struct penalty_known *known_set(const struct penalty *p, struct str login)
{
	return p->memory->sets[key_of(p->memory->secret, STR_NONE, login) / 2 % KNOWN_SETS];
}

static bool is_known(const struct penalty *p, struct str client, struct str login)
{
	uint64_t key;

	if (p->memory == NULL)
		return false;
	key = key_of(p->memory->secret, client, login);
	for (unsigned i = 0; i < KNOWN_EACH; i++)
		if (known_set(p, login)[i].key == key && known_set(p, login)[i].day != 0)
			return true;
	return false;
}

/* Takes the place of itself, or of the one that was not seen for the longest time. */
static void learn(struct penalty *p, uint32_t day, struct str client, struct str login)
{
	struct penalty_known *set = known_set(p, login), *to = &set[0];
	uint64_t key = key_of(p->memory->secret, client, login);

	for (unsigned i = 0; i < KNOWN_EACH; i++) {
		if (set[i].key == key && set[i].day != 0) {
			to = &set[i];
			break;
		}
		if (set[i].day < to->day)
			to = &set[i];
	}
	if (to->key == key && to->day == day)
		return;
	*to = (struct penalty_known){ .key = key, .day = day };
	for (unsigned i = 0; i < KNOWN_EACH; i++)
		if (set[i].day + KNOWN_DAYS < day)
			set[i].day = 0;
	p->learned = true;
}

struct str penalty_known(struct penalty *p)
{
	if (p->memory == NULL || !p->learned)
		return STR_NONE;
	p->learned = false;
	return str_bytes(p->memory, sizeof *p->memory);
}

void penalty_restore(struct penalty *p, struct str kept)
{
	if (p->memory != NULL && kept.n == sizeof *p->memory)
		memcpy(p->memory, kept.p, kept.n);
}

/* --- tries ----------------------------------------------------------------------------------- */

/* The buckets that a try counts in, and how much each takes per minute. */
struct charge {
	uint64_t key;
	uint32_t rate;
};
enum { CHARGES = 3 };

static unsigned charges(
    const struct penalty *p, struct str client, struct str login, struct charge out[CHARGES])
{
	unsigned n = 0;

	/* a token need not say whose it is: tries of strangers must not count as somebody else's */
	if (login.n > 0)
		out[n++] = (struct charge){ key_of(p->secret, client, login), p->per_minute };
	out[n++] =
	    (struct charge){ key_of(p->secret, client, STR_NONE), p->per_minute * PENALTY_SPRAY };
	if (login.n > 0 && p->memory != NULL && !is_known(p, client, login))
		out[n++] = (struct charge){ key_of(p->secret, STR_NONE, login),
			p->per_minute * PENALTY_STRANGERS };
	return n;
}

bool penalty_charge(struct penalty *p, uint64_t now, struct str client, struct str login)
{
	struct charge c[CHARGES];
	unsigned n = charges(p, client, login, c);

	for (unsigned i = 0; p->per_minute != 0 && i < n; i++) {
		struct penalty_bucket *b = bucket(p, c[i].key, (uint32_t)(now / 1000), c[i].rate);

		if (b->used + 1000 > c[i].rate * 1000)
			return false;
		b->used += 1000;
	}
	return true;
}

void penalty_refund(struct penalty *p, uint64_t now, struct str client, struct str login)
{
	struct charge c[CHARGES];
	unsigned n = charges(p, client, login, c);

	for (unsigned i = 0; p->per_minute != 0 && i < n; i++) {
		struct penalty_bucket *b = bucket(p, c[i].key, (uint32_t)(now / 1000), c[i].rate);

		b->used = b->used > 1000 ? b->used - 1000 : 0;
	}
}

void penalty_success(
    struct penalty *p, uint64_t now, uint32_t day, struct str client, struct str login)
{
	penalty_refund(p, now, client, login);
	if (p->memory != NULL)
		learn(p, day, client, login);
}
