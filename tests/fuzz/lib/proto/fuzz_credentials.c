/* What credentials, the queue and deliver/remote get from each other: the first byte chooses the message. */
#include <stdint.h>

#include "proto/credentials.h"
#include "proto/refused.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int question(struct get *g)
{
	static const uint64_t key[2] = { 1, 2 };
	struct credential_question x;

	return get_credential_question(g, &x) == 0 &&
	       ticket_good(key, &x.ticket, 0, x.sender, x.way);
}

static int reply(struct get *g)
{
	struct credential_reply x;

	return get_credential_reply(g, &x);
}

static int look(struct get *g)
{
	struct credential_look x;

	return get_credential_look(g, &x);
}

static int refusal(struct get *g)
{
	struct credential_refusal x;

	if (get_credential_refusal(g, &x) == 0)
		refused_note(x.id, x.nexthop, &x.status, 1);
	return 0;
}

static int ticket_key(struct get *g)
{
	uint64_t key[2];

	return get_ticket_key(g, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const gets[])(struct get *) = { question, reply, look, refusal, ticket_key };
	struct get g;

	if (size == 0)
		return 0;
	g = get_start(str_bytes(data + 1, size - 1));
	gets[data[0] % (sizeof gets / sizeof *gets)](&g);
	return 0;
}
