/*
 * MTA-STS (RFC 8461): what the domain of a next hop demands of its hosts. A rung of tlspolicy.c;
 * services/policy knows the policies.
 */
#include <stdio.h>

#include "proto/policy.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "settings.h"
#include "tlspolicy.h"

/* 4.1: the certificate must be valid for the name of the host, which the policy vouches for. */
static void enforce(struct tlspolicy_find *f, const struct policy_reply *r)
{
	char reason[TLS_REASON_MAX];

	f->policy.wish.level = TLS_LEVEL_VERIFY;
	f->policy.wish.match = STR("hostname");
	if (r->named) {
		snprintf(reason, sizeof reason, "%.*s", STR_ARG(r->why));
		tlspolicy_decide(f, TLS_BY_STS, TLS_LEVEL_VERIFY, reason);
	} else {
		snprintf(reason, sizeof reason, "it is not among the hosts of the %.*s",
		    STR_ARG(r->why));
		tlspolicy_refuse(f, TLS_BY_STS, reason);
	}
}

static void on_policy(struct ask *ask, struct ipc_msg *m)
{
	struct tlspolicy_find *f = ask->arg;
	char reason[TLS_REASON_MAX];
	struct policy_reply r;
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != POLICY_ASK || get_policy_reply(&g, &r) == -1) {
		tlspolicy_refuse(f, TLS_BY_STS, "nobody tells whether there is an MTA-STS policy");
		return;
	}
	f->policy.sts_mode = r.mode;
	f->policy.sts_named = r.named;
	f->policy.sts_failure = r.failure;
	if (r.mode == STS_ENFORCE) {
		enforce(f, &r);
	} else {
		snprintf(reason, sizeof reason, "%.*s%s", STR_ARG(r.why),
		    r.mode == STS_TESTING && !r.named ? "; it is not among the hosts" : "");
		tlspolicy_pass(f, reason);
	}
}

void sts_rung(struct tlspolicy_find *f)
{
	struct policy_question q = { .trace = f->q.trace,
		.domain = str_of(f->q.hop->host),
		.host = tlspolicy_host(f)->name };
	struct put w = put_start();

	if (!settings()->sts || f->q.site->source != HOP_MX) {
		tlspolicy_pass(f, "");
		return;
	}
	put_policy_question(&w, &q);
	chan_ask(proc_peer(ROLE_POLICY), &f->ask, POLICY_ASK, &w, NULL, 0, POLICY_MS, on_policy, f);
}
