/* Questions of deliver/remote. See serve.h. */
#include "serve.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "discover.h"
#include "proto/types.h"
#include "tallies.h"

enum { WAITING_MAX = 20 * 1000 /* questions */ };

static unsigned waiting;

static void describe(const struct entry *e, char out[POLICY_WHY_MAX + 1])
{
	time_t until = (time_t)e->expires;
	char text[sizeof "2026-12-31 23:59"];
	struct tm tm;

	if (cache_holds(e) && strftime(text, sizeof text, "%F %R", gmtime_r(&until, &tm)) > 0)
		snprintf(out, POLICY_WHY_MAX + 1,
		    "MTA-STS policy %s, mode %s, until %s UTC%s%.100s", e->id,
		    sts_mode_name(e->policy.mode), text, e->why[0] != '\0' ? "; " : "", e->why);
	else
		snprintf(out, POLICY_WHY_MAX + 1, "no MTA-STS policy: %.150s", e->why);
}

static void answer(const struct entry *e, const struct waiter *w)
{
	char why[POLICY_WHY_MAX + 1];
	bool holds = cache_holds(e);
	struct policy_reply r = { .mode = holds ? e->policy.mode : STS_NONE,
		.named = holds && sts_names(str_bytes(e->text, e->size), w->host),
		.failure = holds ? TLS_FAILED_NOT : e->failure };
	struct put out = put_start();

	waiting--;
	describe(e, why);
	r.why = str_of(why);
	put_policy_reply(&out, &r);
	if (w->chan != NULL)
		chan_answer(w->chan, w->ref, POLICY_ASK, &out, NULL, 0);
}

static int on_ask(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct policy_question q;
	struct waiter *w;
	struct entry *e;

	if (get_policy_question(&g, &q) == -1)
		return -1;
	e = waiting < WAITING_MAX ? cache_get(q.domain) : NULL;
	if (e == NULL)
		return 0; /* it hears nothing, and mail for that domain waits */
	w = xmalloc(sizeof *w + q.host.n);
	*w = (struct waiter){ .chan = c, .ref = { m->id, m->gen } };
	memcpy(w->text, q.host.p, q.host.n);
	w->host = str_bytes(w->text, q.host.n);
	waiting++;
	discover(e, w);
	return 0;
}

/* Of the policy that it is about, what is known here counts. */
static int on_result(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct tls_result r;
	struct entry *e;

	(void)c;
	if (get_tls_result(&g, &r) == -1)
		return -1;
	e = r.type == TLS_POLICY_STS ? cache_find(r.domain) : NULL;
	tallies_count(&r, e != NULL && e->text != NULL ? str_bytes(e->text, e->size) : STR_NONE);
	return 0;
}

const struct chan_row serve_rows[] = {
	{ POLICY_ASK, 0, on_ask },
	{ POLICY_RESULT, 0, on_result },
	{ 0 },
};

void serve_open(void)
{
	discover_open(answer);
}
