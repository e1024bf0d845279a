/* What got no answer a moment ago. See late.h. */
#include "late.h"

#include "base/id.h"
#include "base/siphash.h"

enum {
	PLACES = 1024, /* another one with the same hash takes a place */
	LATE_MS = 5000, /* RFC 9520 3.2: at least a second, and shorter than anybody's retries */
};

static struct {
	uint64_t hash, until;
} places[PLACES];
static uint64_t secret[2]; /* senders must not choose the place */

static uint64_t hash_of(const struct mail_question *q)
{
	if (secret[0] == 0) {
		secret[0] = id_random();
		secret[1] = id_random();
	}
	return siphash(secret, q->domain) ^ q->host;
}

void late_note(const struct mail_question *q, uint64_t now)
{
	uint64_t h = hash_of(q);

	places[h % PLACES].hash = h;
	places[h % PLACES].until = now + LATE_MS;
}

bool late_lately(const struct mail_question *q, uint64_t now)
{
	uint64_t h = hash_of(q);

	return places[h % PLACES].hash == h && places[h % PLACES].until > now;
}
