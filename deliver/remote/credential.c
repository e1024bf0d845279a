/* The login of a job. See credential.h. */
#include "credential.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "job.h"
#include "proto/proc.h"
#include "proto/types.h"

void credential_ask(struct ask *a, const struct job *j, uint64_t rejected,
    void (*done)(struct ask *a, struct ipc_msg *m), void *arg)
{
	const struct credential_question q = {
		.trace = j->d.trace,
		.ticket = j->d.ticket,
		.sender = j->d.sender,
		.way = j->d.way,
		.hop = j->order[j->at],
		.rejected = rejected,
	};
	struct put w = put_start();

	put_credential_question(&w, &q);
	chan_ask(proc_peer(ROLE_CREDENTIALS), a, CREDENTIALS_ASK, &w, NULL, 0, CREDENTIALS_MS, done,
	    arg);
}

static struct credential *make(const struct credential_reply *r)
{
	struct credential *c = xcalloc(1, sizeof *c);

	c->refs = 1;
	c->kind = r->kind;
	c->id = r->id;
	c->token = r->token;
	c->user = str_dup(r->user);
	c->secret = str_dup(r->secret);
	c->rule = str_dup(r->rule);
	return c;
}

struct credential *credential_take(struct ipc_msg *m, struct status *st)
{
	struct credential *c = NULL;
	struct credential_reply r;
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != CREDENTIALS_ASK || get_credential_reply(&g, &r) == -1)
		status_set(st, 451, "4.3.0", "nobody tells the credentials for this next hop now");
	else if (r.status.code != 0)
		*st = r.status;
	else
		c = make(&r);
	if (m != NULL)
		ipc_wipe(m);
	return c;
}

void credential_refused(const struct credential *c, struct str nexthop, const struct status *st)
{
	const struct credential_refusal r = { c->id, nexthop, *st };
	struct put w = put_start();

	put_credential_refusal(&w, &r);
	/* where it is not heard, our own memory has to do */
	(void)chan_send(proc_peer(ROLE_CREDENTIALS), CREDENTIALS_REFUSED, &w, NULL, 0);
}

struct credential *credential_ref(struct credential *c)
{
	c->refs++;
	return c;
}

void credential_release(struct credential *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	explicit_bzero(c->secret, strlen(c->secret));
	free(c->secret);
	free(c->user);
	free(c->rule);
	free(c);
}
