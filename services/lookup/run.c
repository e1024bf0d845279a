/* One attempt to answer one question. See run.h. */
#include "run.h"

#include <string.h>

#include "mail/domain.h"

void run_step(struct run *r, enum found f, const char *setting, struct str key, struct str rule,
    struct str value)
{
	struct run_steps *s = r->steps;

	if (s == NULL)
		return;
	if (s->n == LOOKUP_STEPS_MAX) {
		s->more = true;
		return;
	}
	s->step[s->n++] = (struct lookup_step){ .found = f == FOUND,
		.failed = f == FOUND_FAILED,
		.setting = str_of(setting),
		.key = arena_str(r->arena, key),
		.rule = rule,
		.value = value };
}

static enum found fail(struct run *r, struct str rule, struct str why)
{
	if (!r->failed) {
		log_error(&r->tag, EV("table-failed"), KS("table", rule), KS("why", why));
		r->failed_rule = rule;
	}
	r->failed = true;
	return FOUND_FAILED;
}

enum found run_fail(struct run *r, struct str rule, struct str why)
{
	run_step(r, FOUND_FAILED, "", STR_NONE, rule, why);
	return fail(r, rule, why);
}

enum found run_find(
    struct run *r, const struct maps *m, struct str key, bool part, struct table_answer *out)
{
	for (size_t i = 0; i < m->n; i++) {
		if (part && table_is_pattern(m->table[i]))
			continue;
		switch (table_lookup(m->table[i], key, r->arena, out)) {
		case TABLE_FOUND:
			if (str_eq(out->rule, table_spec(m->table[i])))
				out->rule = m->rule[i];
			run_step(r, FOUND, m->setting, key, out->rule, out->value);
			return FOUND;
		case TABLE_FAILED:
			run_step(r, FOUND_FAILED, m->setting, key, out->rule, out->why);
			return fail(r, out->rule, out->why);
		case TABLE_NONE:
			break;
		}
	}
	if (m->n > 0)
		run_step(r, FOUND_NONE, m->setting, key, STR_NONE, STR_NONE);
	return FOUND_NONE;
}

static enum found find_account(struct run *r, struct str address, struct account *out)
{
	struct memo *m = strmap_get(r->memos, address);
	enum account_state state;

	if (m != NULL) {
		*out = m->account;
		if (m->state == ACCOUNT_UNKNOWN)
			return run_fail(
			    r, STR("accounts"), STR("no answer from the account service"));
		return m->state == ACCOUNT_FOUND ? FOUND : FOUND_NONE;
	}
	state = accounts_get(address, out);
	if (state == ACCOUNT_UNKNOWN) {
		if (r->wanted == NULL)
			r->wanted = arena_array(r->arena, WANTED_MAX, sizeof *r->wanted);
		for (unsigned i = 0; i < r->nwanted; i++) {
			if (str_eq(r->wanted[i], address))
				return FOUND_FAILED;
		}
		if (r->nwanted < WANTED_MAX)
			r->wanted[r->nwanted++] = arena_str(r->arena, address);
		return FOUND_FAILED;
	}
	if (state == ACCOUNT_NONE)
		return FOUND_NONE;
	out->address = arena_str(r->arena, out->address);
	out->home = arena_str(r->arena, out->home);
	out->senders = arena_str(r->arena, out->senders);
	out->targets = arena_str(r->arena, out->targets);
	return FOUND;
}

enum found run_account(struct run *r, struct str address, struct account *out)
{
	enum found f = find_account(r, address, out);

	if (!run_waits(r))
		run_step(r, f, "accounts", address, STR_NONE, f == FOUND ? out->home : STR_NONE);
	return f;
}

/* --- domains --------------------------------------------------------------------------------- */

static bool is_below(const struct domains *d, struct str domain, struct str *item)
{
	for (size_t i = 0; i < d->nbelow; i++) {
		if (domain.n > d->below[i].n && str_ends(domain, d->below[i])) {
			*item = d->below[i];
			return true;
		}
	}
	return false;
}

static enum found in_class(struct run *r, struct domains *d, const struct domains *named,
    struct str domain, struct str *rule)
{
	struct table_answer out;
	struct str item = domain;
	enum found f;

	if (d == named || (named == NULL && is_below(d, domain, &item))) {
		*rule = arena_printf(
		    r->arena, "%s %.*s (%.*s)", d->setting, STR_ARG(item), STR_ARG(d->where));
		run_step(r, FOUND, d->setting, domain, d->where, item);
		return FOUND;
	}
	f = d->maps.n == 0 ? FOUND_NONE : run_find(r, &d->maps, domain, false, &out);
	if (f == FOUND)
		*rule = arena_printf(r->arena, "%s %.*s", d->setting, STR_ARG(out.rule));
	return f;
}

enum found run_class(struct run *r, struct str domain, enum class *class, struct str *rule)
{
	const struct domains *named = strmap_get(&r->policy->names, domain);
	struct str one;

	*class = CLASS_OTHER;
	for (int i = CLASS_LOCAL; i < CLASSES; i++) {
		switch (in_class(r, &r->policy->domains[i], named, domain, &one)) {
		case FOUND_FAILED:
			return FOUND_FAILED;
		case FOUND_NONE:
			break;
		case FOUND:
			/* tables change after the start, when this was checked */
			if (*class != CLASS_OTHER) {
				log_error(&r->tag, EV("domain-in-two-classes"),
				    KS("domain", domain), KS("one", *rule), KS("other", one));
				r->failed = true;
				r->failed_rule = one;
				return FOUND_FAILED;
			}
			*class = (enum class)i;
			*rule = one;
		}
	}
	return *class == CLASS_OTHER ? FOUND_NONE : FOUND;
}

/* --- addresses ------------------------------------------------------------------------------- */

/* Names that a delimiter never splits. */
static bool whole_name(struct str local, char delimiter)
{
	if (str_caseeq(local, STR("postmaster")) || str_caseeq(local, STR("mailer-daemon")))
		return true;
	return delimiter == '-' &&
	       (str_casestarts(local, STR("owner-")) ||
		   (local.n > 8 && str_caseeq(str_skip(local, local.n - 8), STR("-request"))));
}

static size_t split_at(const struct policy *p, struct str local)
{
	for (size_t i = 1; i < local.n; i++) {
		if (str_find(p->delimiters, local.p[i]) != -1)
			return whole_name(local, local.p[i]) ? local.n : i;
	}
	return local.n;
}

struct str run_join(struct run *r, struct str text, struct str domain)
{
	char *z = arena_alloc(r->arena, text.n + domain.n + 2);

	if (text.n > 0)
		memcpy(z, text.p, text.n);
	z[text.n] = '@';
	if (domain.n > 0)
		memcpy(z + text.n + 1, domain.p, domain.n);
	return (struct str){ z, text.n + 1 + domain.n };
}

struct str run_lower(struct run *r, struct str s)
{
	char *z = arena_z(r->arena, s);

	for (size_t i = 0; i < s.n; i++)
		z[i] = ascii_lower(z[i]);
	return (struct str){ z, s.n };
}

struct parts run_parts(struct run *r, struct str address)
{
	struct parts p = { .full = run_lower(r, address) };
	ssize_t at = str_rfind(p.full, '@');
	size_t cut;

	p.local = str_take(p.full, at == -1 ? p.full.n : (size_t)at);
	p.domain = at == -1 ? STR_NONE : str_skip(p.full, (size_t)at + 1);
	cut = split_at(r->policy, p.local);
	p.user = str_take(p.local, cut);
	p.ext = str_skip(p.local, cut);
	p.base = p.ext.n == 0 ? p.full : run_join(r, p.user, p.domain);
	return p;
}

enum found run_find_address(struct run *r, const struct maps *m, const struct parts *p, bool local,
    struct table_answer *out, bool *ext_left)
{
	enum found f;

	*ext_left = false;
	if (m->n == 0)
		return FOUND_NONE;
	f = run_find(r, m, p->full, false, out);
	if (f != FOUND_NONE)
		return f;
	if (p->ext.n > 0 && (f = run_find(r, m, p->base, true, out)) != FOUND_NONE) {
		*ext_left = true;
		return f;
	}
	if (local) {
		f = run_find(r, m, p->local, true, out);
		if (f == FOUND_NONE && p->ext.n > 0) {
			f = run_find(r, m, p->user, true, out);
			*ext_left = true;
		}
		if (f != FOUND_NONE)
			return f;
	}
	*ext_left = false;
	return run_find(r, m, run_join(r, STR_NONE, p->domain), true, out);
}

enum found run_find_sender(
    struct run *r, const struct maps *m, struct str sender, struct table_answer *out)
{
	struct parts p;
	bool ext_left;

	if (m->n == 0)
		return FOUND_NONE;
	if (sender.n == 0)
		return run_find(r, m, STR("<>"), false, out);
	p = run_parts(r, sender);
	return run_find_address(r, m, &p, false, out, &ext_left);
}

enum found run_find_nexthop(
    struct run *r, const struct maps *m, struct str nexthop, struct table_answer *out)
{
	struct str key = run_lower(r, nexthop);
	char name[DOMAIN_MAX + 1];
	bool domain = domain_canonical(key, true, name) == 0;
	enum found f;

	if (domain)
		key = arena_str(r->arena, str_of(name));
	for (;;) {
		ssize_t dot;

		f = run_find(r, m, key, false, out);
		dot = str_find(str_skip(key, 1), '.');
		if (f != FOUND_NONE || !domain || dot == -1)
			return f;
		key = str_skip(key, (size_t)dot + 1);
	}
}

bool run_trusted(const struct policy *p, struct str client)
{
	struct ip ip;

	if (ip_parse(client, &ip) == -1)
		return false;
	for (size_t i = 0; i < p->ntrusted; i++) {
		if (cidr_match(&p->trusted[i], &ip))
			return true;
	}
	return false;
}
