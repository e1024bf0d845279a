/*
 * access(5): the rules for clients, HELO names, senders and recipients, their search order and
 * their actions.
 */
#ifndef LOOKUP_ACCESS_H
#define LOOKUP_ACCESS_H

#include "proto/lookup.h"
#include "run.h"

enum verdict_kind {
	VERDICT_NONE, /* no rule, or one that leaves it to others */
	VERDICT_OK,
	VERDICT_REFUSE, /* status: 4xx or 5xx */
	VERDICT_DEFER_IF_PERMIT, /* status, if nothing refuses */
	VERDICT_DEFER_IF_REJECT, /* status, if anything refuses */
};

struct verdict {
	enum verdict_kind kind;
	struct status status;
	struct str rule;
};

/* Each answers FOUND_FAILED when a table could not. */
enum found access_client(struct run *r, const struct maps *m, struct str client, struct verdict *v);
enum found access_host(struct run *r, const struct maps *m, struct str name, struct verdict *v);
/* address empty: the key is "<>" */
enum found access_address(
    struct run *r, const struct maps *m, struct str address, struct verdict *v);

/* The answers to LOOKUP_CLIENT and LOOKUP_MAIL; a->rule is in r->arena. */
void access_answer_client(struct run *r, const struct access_question *q, struct access_answer *a);
void access_answer_mail(struct run *r, const struct access_question *q, struct access_answer *a);

/* "451 4.3.0 ...": what a client hears when a table has failed. */
void access_unavailable(struct run *r, struct access_answer *a);

/* An action as it stands in a table. subject is for the log. */
void access_action(
    struct run *r, struct str text, struct str rule, struct str subject, struct verdict *v);

#endif
