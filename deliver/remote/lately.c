/* What went wrong with addresses. See lately.h. */
#include "lately.h"

#include <string.h>

#include "base/id.h"
#include "base/siphash.h"

enum { PLACES = 4096 /* each holds one address: another one with the same hash takes its place */ };

static struct place {
	struct ip ip;
	uint16_t port;
	uint64_t until;
} places[LATELY_KINDS][PLACES];
static uint64_t secret[2], memory[LATELY_KINDS];

void lately_start(enum lately what, uint64_t ms)
{
	memory[what] = ms;
	if (secret[0] == 0) {
		secret[0] = id_random();
		secret[1] = id_random();
	}
}

static struct place *place_of(enum lately what, const struct ip *ip, uint16_t port)
{
	char key[sizeof ip->bytes + sizeof port];

	memcpy(key, ip->bytes, sizeof ip->bytes);
	memcpy(key + sizeof ip->bytes, &port, sizeof port);
	return &places[what][siphash(secret, str_bytes(key, sizeof key)) % PLACES];
}

static bool holds(const struct place *p, const struct ip *ip, uint16_t port)
{
	return p->port == port && ip_eq(&p->ip, ip);
}

void lately_note(enum lately what, const struct ip *ip, uint16_t port, uint64_t now)
{
	*place_of(what, ip, port) = (struct place){ *ip, port, now + memory[what] };
}

void lately_forget(enum lately what, const struct ip *ip, uint16_t port)
{
	struct place *p = place_of(what, ip, port);

	if (holds(p, ip, port))
		p->until = 0;
}

uint64_t lately_for(enum lately what, const struct ip *ip, uint16_t port, uint64_t now)
{
	const struct place *p = place_of(what, ip, port);

	return holds(p, ip, port) && p->until > now ? p->until - now : 0;
}
