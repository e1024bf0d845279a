/* Which section a reply fits. See reaction.h. */
#include "reaction.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hop.h"
#include "mail/said.h"
#include "proto/proc.h"
#include "proto/scope.h"
#include "proto/types.h"
#include "table/regex.h"

/* Sections in order, each with its pattern. */
static struct rule {
	const struct conf_section *section;
	struct regex *pattern; /* NULL: it cannot be used */
} *rules;
static size_t nrules;

void reaction_configure(const struct conf *c)
{
	const struct conf_section *s;

	for (size_t i = 0; i < nrules; i++)
		regex_free(rules[i].pattern);
	for (nrules = 0; (s = conf_section(c, "reaction", nrules)) != NULL; nrules++) {
		struct str text = section_str(s, "reply");
		char why[TABLE_WHY];

		rules = xreallocarray(rules, nrules + 1, sizeof *rules);
		rules[nrules] = (struct rule){ s, regex_new(&text, false, why) };
		if (rules[nrules].pattern == NULL) /* master/config has compiled it before */
			log_error(NULL, EV("reaction-bad-pattern"), KS("rule", section_title(s)),
			    KZ("error", why));
	}
}

static bool in_scope(const struct conf_section *s, struct str nexthop, struct str host)
{
	if (section_count(s, "domains") + section_count(s, "hosts") == 0)
		return true;
	return scope_lists(s, "domains", nexthop) || scope_lists(s, "hosts", host);
}

/*
 * The first section that fits, or NULL; with *failed the one that could not be decided, and why: those
 * behind it do not count then.
 */
static const struct conf_section *find(struct str nexthop, struct str host, struct str reply,
    const struct conf_section **failed, char why[TABLE_WHY])
{
	*failed = NULL;
	for (size_t i = 0; i < nrules; i++) {
		const struct conf_section *s = rules[i].section;
		int r = 0;

		if (rules[i].pattern != NULL && in_scope(s, nexthop, host))
			r = regex_match(rules[i].pattern, reply, why);
		if (r == 1)
			return s;
		if (r == -1) {
			*failed = s;
			return NULL;
		}
	}
	return NULL;
}

static void soften(struct status *st)
{
	if (st->code < 500)
		return;
	st->code = 451;
	if (st->enhanced[0] == '5')
		st->enhanced[0] = '4';
}

/* The section that fits, or NULL. */
static const struct conf_section *note(struct job *j, struct str relay, const struct status *said)
{
	const struct conf_section *s, *failed;
	char why[TABLE_WHY];
	struct str host = relay, text = str_of(said->text), reply;
	ssize_t end = str_find(relay, '[');

	if (nrules == 0 || j->reaction.undecided || !said_is_reply(text, &reply))
		return NULL;
	if (end > 0)
		host = str_take(relay, (size_t)end);
	/* with what it was a reply to */
	reply = arena_str(&j->arena, str_skip(text, (size_t)(reply.p - text.p)));
	s = find(j->hop->way.nexthop, host, reply, &failed, why);
	if (failed != NULL) {
		struct tag tag = job_tag(j);

		j->reaction.undecided = true;
		log_warning(&tag, EV("reaction-undecided"), KS("rule", section_title(failed)),
		    KZ("error", why), KS("reply", reply));
	}
	if (s != NULL && j->reaction.rule.n == 0) {
		j->reaction.rule = arena_str(&j->arena, section_title(s));
		j->reaction.reply = reply;
	}
	return s;
}

void reaction_passed(struct job *j, struct str relay, const struct status *said)
{
	(void)note(j, relay, said);
}

void reaction_note(
    struct job *j, struct str relay, const struct status *said, struct status *outcome)
{
	const struct conf_section *s = note(j, relay, said);

	if (s != NULL && section_bool(s, "temporary"))
		soften(outcome);
}

int reaction_explain(struct chan *c, struct ipc_msg *m)
{
	const struct conf_section *s, *failed;
	struct get g = get_start(m->body);
	struct reply_question q;
	struct reply_verdict v = { .rule = STR_NONE };
	char why[TABLE_WHY];
	struct put w = put_start();

	if (get_reply_question(&g, &q) == -1)
		return -1;
	s = find(q.destination, q.destination, q.reply, &failed, why);
	if (s != NULL)
		v = (struct reply_verdict){ .rule = section_title(s),
			.where = section_where(s, "reply"),
			.action = section_str(s, "action"),
			.temporary = section_bool(s, "temporary") };
	else if (failed != NULL)
		v = (struct reply_verdict){ .where = section_where(failed, "reply"),
			.why = str_of(why) };
	put_reply_verdict(&w, &v);
	chan_reply(c, m, DELIVER_REPLY, &w, NULL, 0);
	return 0;
}
