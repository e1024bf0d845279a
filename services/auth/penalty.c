/* Who guesses too fast. See penalty.h. */
#include "penalty.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/siphash.h"

/* --- buckets --------------------------------------------------------------------------------- */

void penalty_init(struct penalty *p, const uint64_t secret[2], uint32_t per_minute)
{
	memset(p, 0, sizeof *p);
	memcpy(p->secret, secret, sizeof p->secret);
	p->per_minute = per_minute;
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

static uint64_t bucket_key(const struct penalty *p, struct str client, struct str login)
{
	char bytes[64 + 1 + 512];
	size_t n = network(client, bytes);

	login = str_take(login, 512);
	bytes[n++] = '\n';
	if (login.n > 0)
		memcpy(bytes + n, login.p, login.n);
	return siphash(p->secret, str_bytes(bytes, n + login.n)) | 1;
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

bool penalty_charge(struct penalty *p, uint64_t now, struct str client, struct str login)
{
	uint32_t second = (uint32_t)(now / 1000), rate = p->per_minute;
	uint32_t wide = rate * PENALTY_SPRAY;
	struct penalty_bucket *one, *all;

	if (rate == 0)
		return true;
	one = bucket(p, bucket_key(p, client, login), second, rate);
	if (one->used + 1000 > rate * 1000)
		return false;
	one->used += 1000;
	all = bucket(p, bucket_key(p, client, STR_NONE), second, wide);
	if (all->used + 1000 > wide * 1000)
		return false;
	all->used += 1000;
	return true;
}

static void give_back(struct penalty_bucket *b)
{
	b->used = b->used > 1000 ? b->used - 1000 : 0;
}

void penalty_refund(struct penalty *p, uint64_t now, struct str client, struct str login)
{
	uint32_t second = (uint32_t)(now / 1000), rate = p->per_minute;

	if (rate == 0)
		return;
	give_back(bucket(p, bucket_key(p, client, login), second, rate));
	give_back(bucket(p, bucket_key(p, client, STR_NONE), second, rate * PENALTY_SPRAY));
}
