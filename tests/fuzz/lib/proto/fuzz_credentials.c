/* What credentials, the queue and deliver/remote get from each other: the first byte chooses the message. */
#include "packet.h"

#include "proto/credentials.h"
#include "proto/refused.h"

static int question(struct get *g, struct arena *a)
{
	static const uint64_t key[2] = { 1, 2 };
	struct credential_question x;

	(void)a;
	return get_credential_question(g, &x) == 0 &&
	       ticket_good(key, &x.ticket, 0, x.sender, x.way);
}

BORROWED(reply, credential_reply, get_credential_reply)
BORROWED(look, credential_look, get_credential_look)

static int refusal(struct get *g, struct arena *a)
{
	struct credential_refusal x;

	(void)a;
	if (get_credential_refusal(g, &x) == 0)
		refused_note(x.id, x.nexthop, &x.status, 1);
	return 0;
}

static int ticket_key(struct get *g, struct arena *a)
{
	uint64_t key[2];

	(void)a;
	return get_ticket_key(g, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static packet_get *const gets[] = { question, reply, look, refusal, ticket_key };

	packet_try(data, size, gets, sizeof gets / sizeof *gets);
	return 0;
}
