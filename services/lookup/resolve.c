/* Steps of rewriting and routing. See resolve.h. */
#include "resolve.h"

#include "mail/address.h"

struct str resolve_target(struct run *r, const struct target *t, struct str address, struct str ext)
{
	ssize_t at = str_rfind(address, '@');
	struct str text = t->text, local;

	switch (t->kind) {
	case TARGET_DOMAIN:
		return run_join(r, str_take(address, at == -1 ? address.n : (size_t)at), text);
	case TARGET_NAME:
		text = run_join(r, text, r->policy->origin);
		break;
	case TARGET_ADDRESS:
		break;
	default:
		return STR_NONE;
	}
	if (ext.n == 0)
		return text;
	local = str_take(text, (size_t)str_rfind(text, '@'));
	if (local.n == 0 || local.p[0] == '"')
		return text;
	return arena_printf(r->arena, "%.*s%.*s%.*s", STR_ARG(local), STR_ARG(ext),
	    STR_ARG(str_skip(text, local.n)));
}

/* One table: the first target counts. */
static enum found canonical_step(
    struct run *r, const struct maps *m, struct str *address, struct str *rule)
{
	struct table_answer out;
	struct parts p;
	struct targets list;
	struct target t;
	struct str to = STR_NONE;
	enum class class;
	bool ext_left;
	enum found f;

	if (m->n == 0)
		return FOUND_NONE;
	p = run_parts(r, *address);
	f = run_class(r, p.domain, &class, &to);
	if (f == FOUND_FAILED)
		return f;
	f = run_find_address(
	    r, m, &p, class == CLASS_LOCAL || str_eq(p.domain, r->policy->origin), &out, &ext_left);
	if (f != FOUND)
		return f;
	list = targets_of(out.value, false);
	to = STR_NONE;
	if (targets_next(&list, r->arena, &t))
		to = resolve_target(r, &t, *address, ext_left ? p.ext : STR_NONE);
	if (to.n == 0 || to.n > ADDRESS_MAX)
		return run_fail(r, out.rule, STR("the result is no address"));
	if (str_eq(to, *address))
		return FOUND_NONE;
	*address = to;
	*rule = out.rule;
	return FOUND;
}

enum found resolve_canonical(struct run *r, bool sender, struct str *address, struct str *rule)
{
	struct policy *p = r->policy;
	enum found one, two;

	one = canonical_step(
	    r, sender ? &p->sender_canonical : &p->recipient_canonical, address, rule);
	if (one == FOUND_FAILED)
		return one;
	two = canonical_step(r, &p->canonical, address, rule);
	return two == FOUND_NONE ? one : two;
}

enum found resolve_virtual(
    struct run *r, const struct parts *p, bool local, struct table_answer *out, bool *ext_left)
{
	return run_find_address(r, &r->policy->virtual_alias, p,
	    local || str_eq(p->domain, r->policy->origin), out, ext_left);
}

/* Keys of aliases(5) have no quotes. */
static struct str bare(struct run *r, struct str local)
{
	char plain[LOCAL_MAX];

	if (local.n == 0 || local.p[0] != '"')
		return local;
	return arena_str(r->arena, (struct str){ plain, address_unquote(local, plain) });
}

enum found resolve_alias(
    struct run *r, const struct parts *p, struct table_answer *out, struct str *name)
{
	enum found f;

	if (r->policy->alias.n == 0)
		return FOUND_NONE;
	*name = bare(r, p->local);
	f = run_find(r, &r->policy->alias, *name, false, out);
	if (f == FOUND_NONE && p->ext.n > 0) {
		*name = bare(r, p->user);
		f = run_find(r, &r->policy->alias, *name, true, out);
	}
	return f;
}

enum found resolve_mailbox(struct run *r, const struct parts *p, struct account *out)
{
	enum found f = run_account(r, p->full, out);

	if (f != FOUND_NONE || p->ext.n == 0)
		return f;
	return run_account(r, p->base, out);
}

struct str resolve_account_rule(struct run *r, struct str rule, const struct account *account)
{
	return arena_printf(r->arena, "%.*s: %s %.*s", STR_ARG(str_take(rule, 120)),
	    account->targets.n > 0 ? "alias" : "account", STR_ARG(account->address));
}

bool resolve_postmaster(struct run *r, const struct parts *p)
{
	return r->policy->postmaster.n > 0 && str_eq(p->user, STR("postmaster")) &&
	       !str_caseeq(p->full, r->policy->postmaster);
}

enum found resolve_transport(struct run *r, const struct parts *p, struct table_answer *out)
{
	const struct maps *m = &r->policy->transport;
	struct str domain = p->domain;
	enum found f;
	ssize_t dot;

	if (m->n == 0)
		return FOUND_NONE;
	f = run_find(r, m, p->full, false, out);
	if (f == FOUND_NONE && p->ext.n > 0)
		f = run_find(r, m, p->base, true, out);
	if (f == FOUND_NONE)
		f = run_find(r, m, domain, true, out);
	while (f == FOUND_NONE && domain.n > 0 && domain.p[0] != '[' &&
	       (dot = str_find(str_skip(domain, 1), '.')) != -1) {
		domain = str_skip(domain, (size_t)dot + 1);
		f = run_find(r, m, domain, true, out);
	}
	return f == FOUND_NONE ? run_find(r, m, STR("*"), true, out) : f;
}
