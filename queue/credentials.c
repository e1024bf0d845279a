/* Tickets for services/credentials. See credentials.h. */
#include "credentials.h"

#include "base/id.h"
#include "proto/types.h"

static const uint64_t *key(void)
{
	static uint64_t k[2];

	if (k[0] == 0)
		for (unsigned i = 0; i < 2; i++)
			k[i] = id_random();
	return k;
}

void credentials_up(struct chan *c)
{
	struct put w = put_start();

	put_ticket_key(&w, key());
	chan_send(c, CREDENTIALS_KEY, &w, NULL, 0);
}

struct ticket credentials_ticket(struct str sender, struct str way)
{
	if (way.n == 0)
		return (struct ticket){ .until = 0 };
	return ticket_make(key(), loop_now() + TICKET_MS, sender, way);
}
