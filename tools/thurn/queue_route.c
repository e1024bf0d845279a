/* Where mail goes. See queue_route.h. */
#include "queue_route.h"

#include "command.h"
#include "explain.h"
#include "mail/address.h"
#include "proto/types.h"

struct found {
	struct arena *a;
	struct route *route;
	bool any; /* to another host */
	bool local;
	bool unknown; /* nobody has that address */
};

static int on_routes(void *arg, struct get *g)
{
	struct found *f = arg;
	struct route_answer answer;

	if (get_route_answer(g, f->a, &answer) == -1)
		return -1;
	for (uint32_t i = 0; i < answer.nroutes && !f->any; i++) {
		*f->route = answer.routes[i];
		f->local = f->local || f->route->transport == TRANSPORT_MAILDIR;
		f->unknown = f->unknown || f->route->transport == TRANSPORT_ERROR;
		f->any =
		    f->route->transport == TRANSPORT_SMTP || f->route->transport == TRANSPORT_LMTP;
	}
	return 0;
}

static struct found ask(struct arena *a, const struct route_question *q, struct route *r)
{
	struct found f = { .a = a, .route = r };
	struct put w = put_start();

	put_route_question(&w, q);
	if (explain_ask(LOOKUP_ROUTE, &w, on_routes, &f) != EX_OK)
		f.any = f.local = f.unknown = false;
	return f;
}

static struct found ask_address(
    struct arena *a, const char *local, const char *domain, struct address *to, struct route *r)
{
	struct str text = arena_printf(a, "%s@%s", local, domain);

	if (address_parse(text, ADDRESS_UTF8, to) != ADDRESS_OK)
		return (struct found){ 0 };
	return ask(a, &(struct route_question){ .rcpt = to->text }, r);
}

/* Of two addresses. */
static bool same_domain(struct str one, struct str other)
{
	return str_caseeq(str_skip(one, (size_t)(str_rfind(one, '@') + 1)),
	    str_skip(other, (size_t)(str_rfind(other, '@') + 1)));
}

static struct found ask_domain(struct arena *a, const char *domain, struct route *r)
{
	struct address to;
	/* each domain that takes mail has one (RFC 5321 4.5.1) */
	struct found f = ask_address(a, "postmaster", domain, &to, r);

	if (!f.any || same_domain(r->addr, to.text))
		return f;
	/* where one address leads says nothing of others; where one that nobody has leads, does */
	f = ask_address(a, "thurn-queue-why", domain, &to, r);
	f.local = f.local || (f.unknown && same_domain(r->addr, to.text));
	return f;
}

bool queue_route(struct arena *a, const char *domain, struct route *r)
{
	return ask_domain(a, domain, r).any;
}

bool queue_is_local(const char *domain)
{
	struct arena a;
	struct route r;
	bool local;

	arena_init(&a);
	local = ask_domain(&a, domain, &r).local;
	arena_clear(&a);
	return local;
}

/* "[mail.example.net]", "mail.example.net:25", with no transport before it. */
static bool is_bare(struct str text)
{
	ssize_t colon = str_rfind(text, ':');
	uint64_t port;

	return colon == -1 || text.p[0] == '[' ||
	       str_u64(str_skip(text, (size_t)colon + 1), UINT16_MAX, &port) == 0;
}

static bool is_hop(struct arena *a, const char *text)
{
	struct route r;

	return ask(
	    a, &(struct route_question){ .rcpt = STR("postmaster"), .filter = str_of(text) }, &r)
	    .any;
}

const char *queue_hop(struct arena *a, const char *text)
{
	if (is_hop(a, text))
		return text;
	text = is_bare(str_of(text)) ? arena_printf(a, "smtp:%s", text).p : NULL;
	return text != NULL && is_hop(a, text) ? text : NULL;
}
