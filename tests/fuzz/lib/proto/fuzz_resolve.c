/* What resolver gets and answers, and next hops explained: the first byte chooses the message. */
#include <stdint.h>

#include "proto/deliver.h"
#include "proto/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int resolve_question(struct get *g, struct arena *a)
{
	struct resolve_question x;

	(void)a;
	return get_resolve_question(g, &x);
}

static int resolve_reply(struct get *g, struct arena *a)
{
	struct resolve_reply x;

	return get_resolve_reply(g, a, &x);
}

static int mail_question(struct get *g, struct arena *a)
{
	struct mail_question x;

	(void)a;
	return get_mail_question(g, &x);
}

static int mail_reply(struct get *g, struct arena *a)
{
	struct mail_reply x;

	return get_mail_reply(g, a, &x);
}

static int client_question(struct get *g, struct arena *a)
{
	struct client_question x;

	(void)a;
	return get_client_question(g, &x);
}

static int client_reply(struct get *g, struct arena *a)
{
	struct client_reply x;

	(void)a;
	return get_client_reply(g, &x);
}

static int hop_question(struct get *g, struct arena *a)
{
	struct hop_question x;

	(void)a;
	return get_hop_question(g, &x);
}

static int hop_reply(struct get *g, struct arena *a)
{
	struct hop_reply x;

	return get_hop_reply(g, a, &x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const gets[])(struct get *, struct arena *) = { resolve_question,
		resolve_reply, mail_question, mail_reply, hop_question, hop_reply, client_question,
		client_reply };
	struct arena a;
	struct get g;

	if (size == 0)
		return 0;
	arena_init(&a);
	g = get_start(str_bytes(data + 1, size - 1));
	gets[data[0] % (sizeof gets / sizeof *gets)](&g, &a);
	arena_clear(&a);
	return 0;
}
