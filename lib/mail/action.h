/*
 * What a rule of access(5) wants done with a message besides taking or refusing it. Such an action
 * is about the whole message, whichever of its recipients the rule was found for.
 */
#ifndef MAIL_ACTION_H
#define MAIL_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ipc.h"
#include "base/str.h"

enum {
	RULE_MAX = 200, /* the name of a rule, with its file and line */
	ACTIONS_MAX = 16, /* of one message */
	ACTION_VALUE_MAX = 998,
};

enum action_kind {
	ACTION_HOLD, /* value: a remark, as for DISCARD */
	ACTION_DISCARD,
	ACTION_REDIRECT, /* value: local@domain, instead of all recipients */
	ACTION_BCC, /* value: local@domain, one recipient more */
	ACTION_FILTER, /* value: transport:nexthop for all recipients */
	ACTION_PREPEND, /* value: "Name: text"; becomes an edit, and is not kept in an envelope */
	ACTION_KINDS
};

struct action {
	uint8_t kind; /* enum action_kind */
	struct str value;
	struct str rule; /* which rule wants it */
};

/* "HOLD", ...: as in a table. */
const char *action_name(uint8_t kind);
/* Several of these may be wanted of one message; of the others the last one counts. */
bool action_adds_up(uint8_t kind);
/* Whether text can be the value of PREPEND: a field name of visible ASCII, a colon, text. */
bool action_is_field(struct str text);

void put_action(struct put *w, const struct action *a);
/* Borrows from the packet. 0, or -1 when malformed. */
int get_action(struct get *g, struct action *a);
void put_actions(struct put *w, const struct action *a, uint32_t n);
/* The list of an envelope: strings are copied into a. 0, or -1 when malformed. */
int get_actions(struct get *g, struct arena *a, struct action **out, uint32_t *n);

#endif
