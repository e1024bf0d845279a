/* Where mail for a domain goes. See queue_route.h. */
#include "queue_route.h"

#include "command.h"
#include "explain.h"
#include "mail/address.h"
#include "proto/types.h"

struct found {
	struct arena *a;
	struct route *route;
	bool any;
};

static int on_routes(void *arg, struct get *g)
{
	struct found *f = arg;
	struct route_answer answer;

	if (get_route_answer(g, f->a, &answer) == -1)
		return -1;
	for (uint32_t i = 0; i < answer.nroutes && !f->any; i++) {
		*f->route = answer.routes[i];
		f->any =
		    f->route->transport == TRANSPORT_SMTP || f->route->transport == TRANSPORT_LMTP;
	}
	return 0;
}

bool queue_route(struct arena *a, const char *domain, struct route *r)
{
	struct found f = { .a = a, .route = r };
	/* each domain that takes mail has one (RFC 5321 4.5.1) */
	const char *anybody = arena_printf(a, "postmaster@%s", domain).p;
	struct put w = put_start();
	struct address to;

	if (address_parse(str_of(anybody), ADDRESS_UTF8, &to) != ADDRESS_OK)
		return false;
	put_route_question(&w, &(struct route_question){ .rcpt = to.text });
	return explain_ask(LOOKUP_ROUTE, &w, on_routes, &f) == EX_OK && f.any;
}
