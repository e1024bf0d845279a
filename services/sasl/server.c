/* The servers that ask. See server.h. */
#include "server.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "exchange.h"
#include "offer.h"
#include "proto/proc.h"
#include "proto/types.h"

/* What each of them serves: not their word, because auth grants sessions of some services only. */
static const struct {
	enum role role;
	const char *service;
} services[] = { { ROLE_LOGIN, "imap" }, { ROLE_SUBMIT, "smtp" } };

struct server {
	struct asker asker; /* first */
	struct str service;
	struct chan *chan;
	LIST_ENTRY(server) next;
};

static LIST_HEAD(, server) servers = LIST_HEAD_INITIALIZER(servers);

static void tell(struct server *s)
{
	struct put w = put_start();

	put_sasl_names(&w, offer_names());
	chan_send(s->chan, SASL_MECHANISMS, &w, NULL, 0);
}

void server_tell(void)
{
	struct server *s;

	LIST_FOREACH (s, &servers, next)
		tell(s);
}

/* --- requests -------------------------------------------------------------------------------- */

static void send_answer(struct server *s, struct chan_ref ref, const struct sasl_answer *a)
{
	struct put w = put_start();

	put_sasl_answer(&w, a);
	chan_answer(s->chan, ref, SASL_ANSWER, &w, NULL, 0);
}

static void server_answer(struct asker *a, struct exchange *x, const struct sasl_answer *answer)
{
	send_answer((struct server *)a, x->ref, answer);
}

static void refuse(struct server *s, struct chan_ref ref, enum sasl_verdict v, bool clear)
{
	struct sasl_answer a = { 0 };

	exchange_verdict(&a, v);
	if (clear)
		status_set(
		    &a.status, 538, "5.7.11", "This mechanism is for encrypted connections only");
	send_answer(s, ref, &a);
}

static int on_start(struct chan *c, struct ipc_msg *m)
{
	struct server *s = c->owner;
	struct get g = get_start(m->body);
	struct chan_ref ref = { m->id, m->gen };
	struct sasl_start start;
	int lack;

	if (get_sasl_start(&g, &start) == -1 || exchange_find(&s->asker, start.id) != NULL)
		return -1;
	start.service = s->service;
	lack = offer_lacks(&start);
	/* a client may say that we bind to no channel when we do not offer it (RFC 5802 6, "y") */
	if (!offer_binds())
		start.exporter = STR_NONE;
	if (lack != 0)
		refuse(s, ref, SASL_UNKNOWN_MECHANISM, lack == SASL_NEEDS_SECURE);
	else if (!exchange_room(&s->asker))
		refuse(s, ref, SASL_LATER, false);
	else
		exchange_start(&s->asker, &start, ref);
	ipc_wipe(m);
	return 0;
}

static int on_more(struct chan *c, struct ipc_msg *m)
{
	struct server *s = c->owner;
	struct get g = get_start(m->body);
	struct chan_ref ref = { m->id, m->gen };
	struct sasl_more more;
	struct exchange *x;

	if (get_sasl_more(&g, &more) == -1)
		return -1;
	x = exchange_find(&s->asker, more.id);
	if (x != NULL && exchange_busy(x))
		return -1;
	if (x == NULL) /* its client was silent for too long */
		refuse(s, ref, SASL_LATER, false);
	else
		exchange_more(x, ref, more.data);
	ipc_wipe(m);
	return 0;
}

static int on_cancel(struct chan *c, struct ipc_msg *m)
{
	struct server *s = c->owner;
	struct get g = get_start(m->body);
	struct exchange *x = exchange_find(&s->asker, get_u64(&g));

	if (get_end(&g) == -1)
		return -1;
	if (x != NULL)
		exchange_cancel(x);
	return 0;
}

const struct chan_row server_rows[] = {
	{ SASL_START, 0, on_start },
	{ SASL_MORE, 0, on_more },
	{ SASL_CANCEL, 0, on_cancel },
	{ 0 },
};

/* --- channels -------------------------------------------------------------------------------- */

void server_up(struct chan *c)
{
	struct server *s = xcalloc(1, sizeof *s);

	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (services[i].role == c->role)
			s->service = str_of(services[i].service);
	s->asker.answer = server_answer;
	s->asker.takes_data = true;
	s->asker.instance = c->role == ROLE_LOGIN ? c->instance : 0;
	s->chan = c;
	c->owner = s;
	LIST_INIT(&s->asker.exchanges);
	LIST_INSERT_HEAD(&servers, s, next);
	tell(s);
}

void server_down(struct chan *c)
{
	struct server *s = c->owner;

	exchange_cancel_all(&s->asker);
	LIST_REMOVE(s, next);
	free(s);
}
