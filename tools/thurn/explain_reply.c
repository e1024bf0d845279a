/* thurn explain reply: which section "reaction" a reply fits, asked of the process that compares them. */
#include <stdio.h>

#include "command.h"
#include "explain.h"
#include "proto/deliver.h"
#include "proto/types.h"

static void print_verdict(const struct reply_verdict *v)
{
	if (v->why.n > 0)
		printf("nothing: the rule at %.*s cannot be decided: %.*s\n", STR_ARG(v->where),
		    STR_ARG(v->why));
	else if (v->rule.n == 0)
		printf("nothing: no rule fits\n");
	else
		printf("%.*s by rule %.*s (%.*s)%s\n", STR_ARG(v->action), STR_ARG(v->rule),
		    STR_ARG(v->where), v->temporary ? ", a 5xx is taken for a 4xx" : "");
}

static void print_json(const struct reply_verdict *v)
{
	json_t *o = json_object();

	if (v->why.n > 0)
		json_object_set_new(o, "why", explain_text(v->why));
	if (v->where.n > 0)
		json_object_set_new(o, "where", explain_text(v->where));
	if (v->rule.n > 0) {
		json_object_set_new(o, "rule", explain_text(v->rule));
		json_object_set_new(o, "action", explain_text(v->action));
		json_object_set_new(o, "temporary", json_boolean(v->temporary));
	}
	explain_print(o);
}

static int on_verdict(void *arg, struct get *g)
{
	const bool *json = arg;
	struct reply_verdict v;

	if (get_reply_verdict(g, &v) == -1)
		return -1;
	if (*json)
		print_json(&v);
	else
		print_verdict(&v);
	return 0;
}

int explain_reply(bool json, int argc, char **argv)
{
	struct reply_question q;
	struct put w = put_start();

	if (argc != 3)
		return tool_usage("thurn explain reply [--json] DESTINATION REPLY");
	q = (struct reply_question){ .destination = str_of(argv[1]), .reply = str_of(argv[2]) };
	if (q.destination.n > NEXTHOP_MAX || q.reply.n > STATUS_TEXT_MAX)
		return tool_fail(EX_USAGE, "that is too long for a destination or a reply");
	put_reply_question(&w, &q);
	return explain_ask(DELIVER_REPLY, &w, on_verdict, &json);
}
