/* The control socket. See control.h. */
#include "control.h"

#include <jansson.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "base/log.h"
#include "cache.h"
#include "discover.h"
#include "net/dns.h"
#include "outbox.h"
#include "proto/callers.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "tallies.h"

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

/* --- reports ---------------------------------------------------------------------------------- */

/* One that is being counted, or waits to be reported. whole: with all that is in it. */
static void tell(
    struct chan *c, struct chan_ref ref, const struct tally *t, int64_t due, bool whole)
{
	uint64_t good, bad;
	json_t *o;

	tally_sums(t, &good, &bad);
	o = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "domain", text_of(str_of(t->domain)),
	    "begin", (json_int_t)t->begin, "end", (json_int_t)t->end, "due", (json_int_t)due,
	    "good", (json_int_t)good, "bad", (json_int_t)bad, "lost", (json_int_t)t->lost);
	if (whole)
		json_object_set_new(
		    o, "report", report_json(t, outbox_reporter(), (int64_t)time(NULL), true));
	record(c, ref, o);
}

/* A question of a tool about reports. */
struct listing {
	struct chan *chan;
	struct chan_ref ref;
	struct str domain; /* "" = all */
	unsigned n;
};

static void tell_waiting(void *arg, struct str domain, int64_t begin, int64_t due)
{
	struct listing *l = arg;
	struct tally *t;

	if (l->domain.n > 0 && !str_eq(l->domain, domain))
		return;
	t = tallies_load(domain, begin);
	if (t == NULL)
		return;
	tell(l->chan, l->ref, t, due, l->domain.n > 0);
	tally_free(t);
	l->n++;
}

/* "" = all, in short; else those of that domain. */
static int on_tallies(struct chan *c, struct ipc_msg *m)
{
	struct listing l = { .chan = c, .ref = { m->id, m->gen } };

	if (get_domain(m, &l.domain) == -1)
		return -1;
	outbox_each(tell_waiting, &l);
	for (struct tally *t = tallies_next(NULL); t != NULL; t = tallies_next(t)) {
		if (l.domain.n > 0 && !str_eq(l.domain, str_of(t->domain)))
			continue;
		tell(c, l.ref, t, 0, l.domain.n > 0);
		l.n++;
	}
	if (l.domain.n > 0 && l.n == 0)
		caller_end(c, l.ref, EX_DATAERR, "nothing was counted for that domain");
	else
		caller_end(c, l.ref, EX_OK, "");
	return 0;
}

static void close_all(struct str domain)
{
	struct tally *t, *next;

	if (domain.n > 0) {
		tallies_close(domain);
		return;
	}
	for (t = tallies_next(NULL); t != NULL; t = next) {
		next = tallies_next(t);
		tallies_close(str_of(t->domain));
	}
}

/* What was counted until now is over, and reported now. "" = of all domains. */
static int on_report(struct chan *c, struct ipc_msg *m)
{
	struct chan_ref ref = { m->id, m->gen };
	struct str domain;
	unsigned n;

	if (get_domain(m, &domain) == -1)
		return -1;
	if (!conf_bool(proc_conf(), "tls_reports")) {
		caller_end(c, ref, EX_CONFIG, "tls_reports is not set");
		return 0;
	}
	close_all(domain);
	n = outbox_hurry(domain);
	record(c, ref, json_pack("{s:i}", "count", (int)n));
	caller_end(c, ref, EX_OK, "");
	return 0;
}

static const struct chan_row rows[] = {
	{ POLICY_CTL_LIST, 0, on_list },
	{ POLICY_CTL_FLUSH, 0, on_flush },
	{ POLICY_CTL_TALLIES, 0, on_tallies },
	{ POLICY_CTL_REPORT, 0, on_report },
	{ 0 },
};

void control_start(void)
{
	callers_start("socket.policy", rows);
}
