/* access(5). See access.h. */
#include "access.h"

/* --- search order ---------------------------------------------------------------------------- */

/*
 * One key. FOUND when the search is over: a rule was there, whatever it says. *v is set then.
 */
static enum found try(struct run *r, const struct maps *m, struct str key, bool part,
    struct str subject, struct verdict *v)
{
	struct table_answer out;
	enum found f = run_find(r, m, key, part, &out);

	if (f == FOUND)
		verdict_read(r, out.value, out.rule, subject, v);
	return f;
}

/* A domain, then everything above it: "a.b.c", ".b.c", "b.c", ".c", "c". */
static enum found try_domain(struct run *r, const struct maps *m, struct str domain, bool part,
    struct str subject, struct verdict *v)
{
	enum found f = try(r, m, domain, part, subject, v);
	ssize_t dot;

	if (domain.n > 0 && domain.p[0] == '[')
		return f;
	while (f == FOUND_NONE && (dot = str_find(domain, '.')) != -1) {
		domain = str_skip(domain, (size_t)dot);
		f = try(r, m, domain, true, subject, v);
		domain = str_skip(domain, 1);
		if (f == FOUND_NONE)
			f = try(r, m, domain, true, subject, v);
	}
	return f;
}

enum found access_client(
    struct run *r, const struct maps *m, struct str client, struct str name, struct verdict *v)
{
	struct str key = client;
	bool six = str_find(client, ':') != -1;
	enum found f;
	ssize_t cut;

	*v = (struct verdict){ .kind = VERDICT_NONE };
	if (m->n == 0)
		return FOUND_NONE;
	f = name.n > 0 ? try_domain(r, m, run_lower(r, name), false, client, v) : FOUND_NONE;
	if (f == FOUND_NONE)
		f = try(r, m, client, false, client, v);
	while (f == FOUND_NONE && (cut = str_rfind(key, six ? ':' : '.')) > 0) {
		key = str_take(key, (size_t)cut);
		while (key.n > 0 && key.p[key.n - 1] == ':')
			key.n--;
		if (key.n > 0)
			f = try(r, m, key, true, client, v);
	}
	return f;
}

enum found access_host(struct run *r, const struct maps *m, struct str name, struct verdict *v)
{
	*v = (struct verdict){ .kind = VERDICT_NONE };
	if (m->n == 0 || name.n == 0)
		return FOUND_NONE;
	return try_domain(r, m, run_lower(r, name), false, name, v);
}

enum found access_address(
    struct run *r, const struct maps *m, struct str address, struct verdict *v)
{
	struct parts p;
	enum found f;

	*v = (struct verdict){ .kind = VERDICT_NONE };
	if (m->n == 0)
		return FOUND_NONE;
	if (address.n == 0)
		return try(r, m, STR("<>"), false, STR("<>"), v);
	p = run_parts(r, address);
	f = try(r, m, p.full, false, address, v);
	if (f == FOUND_NONE && p.ext.n > 0)
		f = try(r, m, p.base, true, address, v);
	if (f == FOUND_NONE && p.domain.n > 0)
		f = try_domain(r, m, p.domain, true, address, v);
	if (f == FOUND_NONE)
		f = try(r, m, run_join(r, p.local, STR_NONE), true, address, v);
	if (f == FOUND_NONE && p.ext.n > 0)
		f = try(r, m, run_join(r, p.user, STR_NONE), true, address, v);
	return f;
}

/* --- answers --------------------------------------------------------------------------------- */

void access_unavailable(struct run *r, struct access_answer *a)
{
	status_set(&a->status, 451, "4.3.0", "Temporary lookup failure, try again later");
	a->rule = r->failed_rule;
}

/* What a verdict means where there is no later stage to leave it to. */
static void apply(const struct verdict *v, struct access_answer *a)
{
	if (v->kind == VERDICT_REFUSE || v->kind == VERDICT_DEFER_IF_PERMIT)
		a->status = v->status;
	if (v->kind != VERDICT_NONE)
		a->rule = v->rule;
}

const struct maps *access_client_maps(const struct policy *p, const struct access_question *q)
{
	return q->submission ? &p->submission_client_access : &p->client_access;
}

void access_answer_client(struct run *r, const struct access_question *q, struct access_answer *a)
{
	struct verdict v;

	*a = (struct access_answer){ .rule = STR_NONE };
	status_set(&a->status, 250, "2.0.0", "Ok");
	if (access_client(r, access_client_maps(r->policy, q), q->client, q->name, &v) ==
	    FOUND_FAILED) {
		access_unavailable(r, a);
		return;
	}
	a->relay = q->trusted || run_trusted(r->policy, q->client);
	if (a->relay && !q->trusted)
		a->rule = arena_printf(
		    r->arena, "trusted_networks (%.*s)", STR_ARG(r->policy->trusted_where));
	apply(&v, a);
}
