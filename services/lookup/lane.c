/* Lanes. See lane.h. */
#include "lane.h"

static enum found find(struct run *r, const char *kind, struct str name, struct table_answer *out)
{
	if (name.n == 0)
		return FOUND_NONE;
	return run_find(r, &r->policy->lane,
	    arena_printf(r->arena, "%s:%.*s", kind, STR_ARG(run_lower(r, name))), false, out);
}

static enum found by_mark(struct run *r, const struct lane_question *q, struct table_answer *out)
{
	struct str marks = q->marks, mark;
	enum found f = FOUND_NONE;

	while (f == FOUND_NONE && str_cut(&marks, ' ', &mark)) {
		f = find(r, "header", mark, out);
		if (f == FOUND_NONE && mark.n > 0)
			f = find(r, "header", str_take(mark, (size_t)str_find(mark, ':')), out);
	}
	return f;
}

static enum found by_login(struct run *r, const struct lane_question *q, struct table_answer *out)
{
	return find(r, "login", q->login, out);
}

static enum found by_sender(struct run *r, const struct lane_question *q, struct table_answer *out)
{
	return run_find_sender(r, &r->policy->lane, q->sender, out);
}

static enum found by_listener(
    struct run *r, const struct lane_question *q, struct table_answer *out)
{
	return find(r, "listener", q->listener, out);
}

static enum found (*const steps[])(struct run *r, const struct lane_question *q,
    struct table_answer *out) = { by_mark, by_login, by_sender, by_listener };

void lane_answer(struct run *r, const struct lane_question *q, struct lane_answer *out)
{
	struct table_answer a;
	enum found f = FOUND_NONE;

	*out = (struct lane_answer){ .lane = LANES, .rule = STR_NONE };
	for (size_t i = 0; f == FOUND_NONE && i < sizeof steps / sizeof steps[0]; i++)
		f = steps[i](r, q, &a);
	if (f == FOUND) {
		out->lane = lane_find(str_trim(a.value));
		if (out->lane < LANES)
			out->rule = a.rule;
		else if (!str_caseeq(str_trim(a.value), STR("DUNNO")))
			f = run_fail(
			    r, a.rule, STR("not one of users, bulk, reports, bounces, DUNNO"));
	}
	if (f == FOUND_FAILED) {
		out->failed = true;
		out->rule = r->failed_rule;
	}
}
