/* What one rule of access(5) says. */
#ifndef LOOKUP_VERDICT_H
#define LOOKUP_VERDICT_H

#include "mail/action.h"
#include "mail/status.h"
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
	bool acts; /* action is wanted, if nothing refuses */
	struct action action;
	struct status status;
	struct str rule;
};

/* The text of a table's value. subject is for the log. */
void verdict_read(
    struct run *r, struct str text, struct str rule, struct str subject, struct verdict *v);

#endif
