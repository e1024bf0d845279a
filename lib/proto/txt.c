/* TXT records. See txt.h. */
#include "txt.h"

#include <stdio.h>

#include "proto/proc.h"
#include "proto/types.h"

bool txt_ask(struct ask *a, const char *label, const char *domain,
    void (*done)(struct ask *a, struct ipc_msg *m), void *arg)
{
	struct resolve_question q = { .types = { DNS_TXT }, .ntypes = 1 };
	char name[16 + DNS_NAME_MAX];
	struct put w;

	snprintf(name, sizeof name, "%s.%s", label, domain);
	q.name = str_of(name);
	if (!dns_name_valid(q.name))
		return false;
	w = put_start();
	put_resolve_question(&w, &q);
	chan_ask(proc_peer(ROLE_RESOLVER), a, RESOLVE_ASK, &w, NULL, 0, RESOLVE_MS, done, arg);
	return true;
}

struct dns_answer txt_answer(struct ipc_msg *m, struct arena *a, struct str *why)
{
	struct resolve_reply r;
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != RESOLVE_ASK || get_resolve_reply(&g, a, &r) == -1 || r.n != 1) {
		*why = STR("the resolver does not answer");
		return (struct dns_answer){ .status = DNS_TEMPORARY };
	}
	*why = r.why;
	return r.answers[0];
}
