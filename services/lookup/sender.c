/*
 * LOOKUP_SENDER. See sender.h.
 *
 * An address is a login's when sender_login_maps say so, or when mail to it goes to that account
 * and to nobody else: its own address, with or without an extension, and aliases that lead to it
 * alone; or when the account database gives it to the account.
 */
#include "sender.h"

#include "access.h"
#include "resolve.h"

/* A name in a table is a login of the domain that logins without one have. */
static bool is_login(struct run *r, struct str name, struct str login)
{
	if (str_find(name, '@') == -1)
		name = run_join(r, name, r->policy->login_domain);
	return str_caseeq(name, login);
}

static bool lists(struct run *r, struct str value, struct str login)
{
	static const struct str separators = STR(", \t");
	size_t at = 0, begin;

	while (at < value.n) {
		while (at < value.n && str_find(separators, value.p[at]) != -1)
			at++;
		begin = at;
		while (at < value.n && str_find(separators, value.p[at]) == -1)
			at++;
		if (at > begin && is_login(r, str_take(str_skip(value, begin), at - begin), login))
			return true;
	}
	return false;
}

static enum found by_table(
    struct run *r, const struct parts *p, bool local, struct str login, struct str *rule)
{
	struct table_answer out;
	bool ext_left;
	enum found f = run_find_address(r, &r->policy->sender_login, p, local, &out, &ext_left);

	if (f != FOUND)
		return f;
	*rule = out.rule;
	return lists(r, out.value, login) ? FOUND : FOUND_NONE;
}

/* What the account itself has been given: addresses, and whole domains as "@domain". */
static enum found by_account(
    struct run *r, const struct parts *p, struct str login, struct str *rule)
{
	struct account account;
	enum found f = run_account(r, login, &account);
	struct str sender;

	if (f != FOUND)
		return f;
	while (str_word(&account.senders, &sender))
		if (str_eq(sender, p->full) || str_eq(sender, p->base) ||
		    (sender.p[0] == '@' && str_eq(str_skip(sender, 1), p->domain))) {
			*rule = STR("given to the account");
			return FOUND;
		}
	return FOUND_NONE;
}

/* The one target of an alias, or empty. */
static struct str only_target(
    struct run *r, struct str value, struct str address, struct str domain, struct str ext)
{
	struct targets list = targets_of(value, false);
	struct target t, more;

	if (!targets_next(&list, r->arena, &t) || targets_next(&list, r->arena, &more))
		return STR_NONE;
	if (t.kind == TARGET_NAME && domain.n > 0)
		return run_join(r, t.text, domain);
	return resolve_target(r, &t, address, ext);
}

/* FOUND: *address stands for another alone, which it now is. FOUND_NONE: it goes no further. */
static enum found follow(
    struct run *r, const struct parts *p, enum class class, struct str *address, struct str *rule)
{
	struct table_answer out;
	bool ext_left = false;
	struct account alias;
	struct str name, to;
	enum found f = resolve_virtual(r, p, class == CLASS_LOCAL, &out, &ext_left);

	if (f == FOUND) {
		to = only_target(r, out.value, *address, STR_NONE, ext_left ? p->ext : STR_NONE);
	} else if (f == FOUND_NONE && class == CLASS_LOCAL) {
		f = resolve_alias(r, p, &out, &name);
		if (f == FOUND)
			to = only_target(r, out.value, *address, p->domain, STR_NONE);
	}
	if (f == FOUND_NONE) {
		f = run_account(r, p->full, &alias);
		if (f == FOUND)
			to = only_target(r, alias.targets, *address, STR_NONE, STR_NONE);
		out.rule = STR("alias of the account database");
	}
	if (f != FOUND)
		return f;
	if (to.n == 0 || to.n > ADDRESS_MAX || str_caseeq(to, *address))
		return FOUND_NONE;
	*address = to;
	*rule = out.rule;
	return FOUND;
}

/* Where mail to the address goes, as long as that is one place. */
static enum found by_alias(struct run *r, struct str address, struct str login, struct str *rule)
{
	enum class class;
	struct parts p;
	struct str ignored;
	enum found f = resolve_canonical(r, false, &address, rule);

	for (uint32_t depth = 0; f != FOUND_FAILED && depth <= r->policy->depth_max; depth++) {
		p = run_parts(r, address);
		if (str_eq(p.full, login) || str_eq(p.base, login))
			return FOUND;
		f = run_class(r, p.domain, &class, &ignored);
		if (f != FOUND_FAILED)
			f = follow(r, &p, class, &address, rule);
		if (f == FOUND_NONE)
			break;
	}
	return f == FOUND_FAILED ? f : FOUND_NONE;
}

/* FOUND: it may; *rule says why, or what was asked in vain. */
static enum found may_send_as(struct run *r, struct str address, struct str login, struct str *rule)
{
	struct parts p = run_parts(r, address);
	enum class class;
	enum found f;

	if (str_eq(p.full, login) || str_eq(p.base, login)) {
		*rule = STR("own address");
		return FOUND;
	}
	f = run_class(r, p.domain, &class, rule);
	*rule = STR("no address of the login");
	if (f != FOUND_FAILED)
		f = by_table(r, &p, class == CLASS_LOCAL, login, rule);
	if (f == FOUND_NONE)
		f = by_account(r, &p, login, rule);
	return f == FOUND_NONE ? by_alias(r, address, login, rule) : f;
}

/* Somebody who logged in when he still might. */
static bool may_not_submit(struct run *r, struct str login)
{
	struct account account;

	return run_account(r, login, &account) == FOUND && !account.may_submit;
}

void sender_answer(struct run *r, const struct sender_question *q, struct access_answer *a)
{
	struct str login = run_lower(r, q->login);

	*a = (struct access_answer){ .rule = STR_NONE };
	status_set(&a->status, 250, "2.1.0", "Ok");
	if (may_not_submit(r, login)) {
		status_set(&a->status, 550, "5.7.1", "this account may not send mail");
		a->rule = STR("the account");
		return;
	}
	for (uint32_t i = 0; i < q->n; i++) {
		struct str address = q->addresses[i];

		switch (may_send_as(r, address, login, &a->rule)) {
		case FOUND:
			continue;
		case FOUND_NONE:
			status_set(&a->status, 553, "5.7.1", "<%.*s>: not an address of %.*s",
			    STR_ARG(address), STR_ARG(q->login));
			return;
		case FOUND_FAILED:
			access_unavailable(r, a);
			return;
		}
	}
}
