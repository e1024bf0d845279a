/* The control socket. See control.h. */
#include "control.h"

#include <jansson.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/log.h"
#include "cache.h"
#include "discover.h"
#include "net/dns.h"
#include "proto/callers.h"
#include "proto/types.h"

static void record(struct chan *c, struct chan_ref ref, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	caller_record(c, ref, str_of(text));
	free(text);
	json_decref(o);
}

/* What others have written is shown if it is UTF-8. */
static json_t *text_of(struct str s)
{
	json_t *o = json_stringn(s.p, s.n);

	return o != NULL ? o : json_string("?");
}

static json_t *describe(const struct entry *e)
{
	json_t *o = json_pack("{s:o, s:o, s:b}", "domain", text_of(str_of(e->domain)), "note",
	    text_of(str_of(e->why)), "policy", e->text != NULL);
	struct str rest = str_bytes(e->text, e->size), pattern;
	json_t *hosts = json_array();

	if (e->text != NULL) {
		while (sts_host(&rest, &pattern))
			json_array_append_new(hosts, text_of(pattern));
		json_object_update_new(
		    o, json_pack("{s:s, s:s, s:I, s:I, s:b}", "mode", sts_mode_name(e->policy.mode),
			   "id", e->id, "fetched", (json_int_t)e->fetched, "expires",
			   (json_int_t)e->expires, "valid", cache_holds(e)));
	}
	json_object_set_new(o, "mx", hosts);
	return o;
}

static int get_domain(const struct ipc_msg *m, struct str *domain)
{
	struct get g = get_start(m->body);

	*domain = get_line(&g, DNS_NAME_MAX);
	return get_end(&g);
}

/* "" = all that have a policy; else that one, whatever is known of it. */
static int on_list(struct chan *c, struct ipc_msg *m)
{
	struct chan_ref ref = { m->id, m->gen };
	struct str domain;

	if (get_domain(m, &domain) == -1)
		return -1;
	if (domain.n > 0) {
		const struct entry *e = cache_find(domain);

		if (e != NULL)
			record(c, ref, describe(e));
		caller_end(c, ref, e != NULL ? EX_OK : EX_DATAERR,
		    e != NULL ? "" : "nothing is known of that domain");
		return 0;
	}
	for (struct entry *e = cache_next(NULL); e != NULL; e = cache_next(e))
		if (e->text != NULL)
			record(c, ref, describe(e));
	caller_end(c, ref, EX_OK, "");
	return 0;
}

/* "" = all. */
static int on_flush(struct chan *c, struct ipc_msg *m)
{
	struct chan_ref ref = { m->id, m->gen };
	unsigned n = 0;
	struct str domain;

	if (get_domain(m, &domain) == -1)
		return -1;
	for (struct entry *e = cache_next(NULL); e != NULL; e = cache_next(e))
		if (domain.n == 0 || str_eq(domain, str_of(e->domain))) {
			discover_flush(e);
			n++;
		}
	log_notice(NULL, EV("policy-flushed"), KS("domain", domain), KI("count", n));
	record(c, ref, json_pack("{s:i}", "count", (int)n));
	caller_end(c, ref, EX_OK, "");
	return 0;
}

static const struct chan_row rows[] = {
	{ POLICY_CTL_LIST, 0, on_list },
	{ POLICY_CTL_FLUSH, 0, on_flush },
	{ 0 },
};

void control_start(void)
{
	callers_start("socket.policy", rows);
}
