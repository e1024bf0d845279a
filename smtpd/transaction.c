/* One message on its way in. See transaction.h. */
#include "transaction.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct transaction *transaction_new(void)
{
	struct transaction *t = xcalloc(1, sizeof *t);

	arena_init(&t->arena);
	return t;
}

void transaction_free(struct transaction *t)
{
	if (t == NULL)
		return;
	if (t->body != NULL)
		body_drop(t->body);
	if (t->content != NULL)
		buf_clear(&t->content->held);
	free(t->content);
	free(t->rcpt_hashes);
	free(t->envelope.rcpts);
	arena_clear(&t->arena);
	free(t);
}

/* FNV-1a; a collision costs one comparison, and there are at most a thousand to collide with. */
static uint64_t hash(struct str s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return h;
}

bool transaction_has(const struct transaction *t, struct str addr)
{
	uint64_t h = hash(addr);

	for (uint32_t i = 0; i < t->envelope.nrcpts; i++) {
		if (t->rcpt_hashes[i] == h && str_eq(t->envelope.rcpts[i].addr, addr))
			return true;
	}
	return false;
}

void transaction_add(struct transaction *t)
{
	struct envelope *e = &t->envelope;

	if (e->nrcpts == t->rcpt_room) {
		t->rcpt_room = t->rcpt_room == 0 ? 2 : t->rcpt_room * 2;
		e->rcpts = xreallocarray(e->rcpts, t->rcpt_room, sizeof *e->rcpts);
		t->rcpt_hashes =
		    xreallocarray(t->rcpt_hashes, t->rcpt_room, sizeof *t->rcpt_hashes);
	}
	e->rcpts[e->nrcpts] = (struct envelope_rcpt){
		.addr = arena_str(&t->arena, t->asked.addr),
		.orcpt = arena_str(&t->arena, t->asked.orcpt),
		.notify = t->asked.notify,
	};
	t->rcpt_hashes[e->nrcpts++] = hash(t->asked.addr);
}
