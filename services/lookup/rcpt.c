/* LOOKUP_RCPT. See rcpt.h. */
#include "rcpt.h"

#include <string.h>

#include "access.h"
#include "mail/address.h"
#include "resolve.h"

/*
 * user%host@here, host!user@here, "user@host"@here: addresses that ask us to send on. Nobody needs
 * them; who trusts this host could be made to relay for others.
 */
static bool asks_to_send_on(struct str local)
{
	char plain[LOCAL_MAX];
	struct str s = local;

	if (local.n > 0 && local.p[0] == '"')
		s = (struct str){ plain, address_unquote(local, plain) };
	return str_find(s, '%') != -1 || str_find(s, '!') != -1 || str_find(s, '@') != -1;
}

static void accept(struct access_answer *a, struct str rule)
{
	status_set(&a->status, 250, "2.1.5", "Ok");
	a->rule = rule;
}

static void unknown(struct access_answer *a, struct str rule, struct str address)
{
	status_set(&a->status, 550, "5.1.1", "<%.*s>: no such user here", STR_ARG(address));
	a->rule = rule;
}

/* --- one way for each class ------------------------------------------------------------------ */

struct check {
	struct run *r;
	struct parts parts;
	struct str address; /* as it was asked for */
	struct str rule; /* of the class */
	struct access_answer *a;
};

static enum found by_account(struct check *c)
{
	struct account account;
	enum found f = resolve_mailbox(c->r, &c->parts, &account);

	if (f != FOUND)
		return f;
	if (account.enabled || account.targets.n > 0)
		accept(c->a, STR_NONE);
	else
		status_set(&c->a->status, 550, "5.2.1", "<%.*s>: this mailbox is disabled",
		    STR_ARG(c->address));
	c->a->rule = resolve_account_rule(c->r, c->rule, &account);
	return FOUND;
}

static enum found in_local(struct check *c)
{
	struct table_answer out;
	struct str name;
	enum found f = resolve_alias(c->r, &c->parts, &out, &name);

	if (f == FOUND)
		accept(c->a, out.rule);
	return f == FOUND_NONE ? by_account(c) : f;
}

static enum found in_relay(struct check *c)
{
	struct table_answer out;
	bool ext_left;
	enum found f;

	if (c->r->policy->relay_recipients.n == 0) {
		accept(c->a, c->rule);
		return FOUND;
	}
	f = run_find_address(
	    c->r, &c->r->policy->relay_recipients, &c->parts, false, &out, &ext_left);
	if (f == FOUND)
		accept(c->a, out.rule);
	return f;
}

static enum found nowhere(struct check *c)
{
	(void)c;
	return FOUND_NONE;
}

static enum found elsewhere(struct check *c)
{
	accept(c->a, c->rule);
	return FOUND;
}

static enum found (*const ways[CLASSES])(struct check *c) = { [CLASS_OTHER] = elsewhere,
	[CLASS_LOCAL] = in_local,
	[CLASS_MAILBOX] = by_account,
	[CLASS_ALIAS] = nowhere,
	[CLASS_RELAY] = in_relay };

/* Does it exist? The canonical form is what has to. */
static enum found exists(struct check *c, struct str address)
{
	struct table_answer out;
	enum class class;
	bool ext_left;
	enum found f;

	if (resolve_canonical(c->r, false, &address, &c->rule) == FOUND_FAILED)
		return FOUND_FAILED;
	c->parts = run_parts(c->r, address);
	if (run_class(c->r, c->parts.domain, &class, &c->rule) == FOUND_FAILED)
		return FOUND_FAILED;
	c->a->outgoing = class == CLASS_OTHER || class == CLASS_RELAY;
	f = resolve_virtual(c->r, &c->parts, class == CLASS_LOCAL, &out, &ext_left);
	if (f == FOUND)
		accept(c->a, out.rule);
	if (f == FOUND_NONE)
		f = ways[class](c);
	if (f == FOUND_NONE && class != CLASS_RELAY && resolve_postmaster(c->r, &c->parts)) {
		accept(c->a, arena_printf(c->r->arena, "postmaster (%.*s)",
				 STR_ARG(c->r->policy->postmaster_where)));
		f = FOUND;
	}
	if (f == FOUND_NONE)
		unknown(c->a, c->rule, c->address);
	return f;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* Has the client shown a certificate that relay_clientcerts knows, itself or by its key? */
static enum found by_certificate(struct run *r, const struct access_question *q, struct str *rule)
{
	const struct str prints[] = { q->certificate, q->key };
	struct table_answer out;
	enum found f = FOUND_NONE;

	for (size_t i = 0; i < sizeof prints / sizeof *prints && f == FOUND_NONE; i++)
		if (prints[i].n > 0)
			f = run_find(r, &r->policy->relay_clientcerts, prints[i], false, &out);
	if (f == FOUND)
		*rule = out.rule;
	return f;
}

/* Whether it may relay, and by what rule. */
static enum found may_relay(struct run *r, const struct access_question *q, struct str *rule)
{
	if (q->trusted)
		*rule = STR("local submission");
	else if (q->login.n > 0)
		*rule = STR("authenticated");
	else if (run_trusted(r->policy, q->client))
		*rule = arena_printf(
		    r->arena, "trusted_networks (%.*s)", STR_ARG(r->policy->trusted_where));
	else
		return by_certificate(r, q, rule);
	return FOUND;
}

/* FOUND: *a says no for good, or the rules are done with. */
static enum found may_send(struct run *r, const struct access_question *q, const struct parts *p,
    struct str *rule, struct access_answer *a)
{
	struct str relay;
	enum found trusted = may_relay(r, q, &relay);
	enum class class;

	if (trusted == FOUND_FAILED || run_class(r, p->domain, &class, rule) == FOUND_FAILED)
		return FOUND_FAILED;
	if ((class != CLASS_OTHER || trusted == FOUND_NONE) && asks_to_send_on(p->local)) {
		status_set(&a->status, 550, "5.7.1",
		    "<%.*s>: addresses that ask to send on are not accepted", STR_ARG(q->rcpt));
		a->rule = STR("source routing");
		return FOUND;
	}
	if (class != CLASS_OTHER)
		return FOUND_NONE;
	if (trusted == FOUND) {
		*rule = relay;
		return FOUND_NONE;
	}
	status_set(&a->status, 554, "5.7.1", "<%.*s>: relay access denied", STR_ARG(q->rcpt));
	a->rule = arena_printf(r->arena, "no class has %.*s", STR_ARG(p->domain));
	return FOUND;
}

/* What DEFER_IF_... says has the last word. */
static void apply_later(const struct verdict *v, struct access_answer *a)
{
	if ((v->kind == VERDICT_DEFER_IF_PERMIT && status_good(&a->status)) ||
	    (v->kind == VERDICT_DEFER_IF_REJECT && a->status.code >= 500)) {
		a->status = v->status;
		a->rule = v->rule;
	}
}

enum { STEP_CLIENT, STEP_HELO, STEP_SENDER, STEP_RECIPIENT, STEPS };
_Static_assert(STEPS == (int)ACCESS_ACTIONS, "one rule of each");

/*
 * The rules of access(5) that count for each recipient: those for client, HELO and sender as well,
 * so that smtpd needs no question of its own for them, and the log has the recipient of what was
 * refused. Who is at the local socket has no address to have rules about. FOUND: *a says no.
 */
static enum found by_rules(struct run *r, const struct access_question *q, struct str address,
    struct verdict v[STEPS], struct access_answer *a)
{
	static const struct maps nobody;
	struct policy *p = r->policy;

	/* what devices of users call themselves says nothing */
	struct str helo = q->submission ? STR_NONE : q->helo;

	if (strmap_get(&p->no_rules, q->listener) != NULL) {
		memset(v, 0, STEPS * sizeof *v);
		return FOUND_NONE;
	}
	if (access_client(r, q->trusted ? &nobody : access_client_maps(p, q), q->client, q->name,
		&v[STEP_CLIENT]) == FOUND_FAILED ||
	    access_host(r, &p->helo_access, helo, &v[STEP_HELO]) == FOUND_FAILED ||
	    access_address(r, &p->sender_access, q->sender, &v[STEP_SENDER]) == FOUND_FAILED ||
	    access_address(r, &p->recipient_access, address, &v[STEP_RECIPIENT]) == FOUND_FAILED)
		return FOUND_FAILED;
	for (int i = 0; i < STEPS; i++) {
		if (v[i].kind == VERDICT_REFUSE) {
			a->status = v[i].status;
			a->rule = v[i].rule;
			return FOUND;
		}
	}
	return FOUND_NONE;
}

/* Is it known to be somebody of ours, or did a rule let it in? */
static bool welcome(struct run *r, const struct access_question *q, const struct verdict v[STEPS])
{
	struct str rule;

	return q->submission || may_relay(r, q, &rule) == FOUND ||
	       strmap_get(&r->policy->no_rules, q->listener) != NULL ||
	       v[STEP_CLIENT].kind == VERDICT_OK || v[STEP_RECIPIENT].kind == VERDICT_OK;
}

/* reject_unknown_clients: 0, or a refusal in *a. */
static enum found by_name(struct run *r, const struct access_question *q, struct access_answer *a)
{
	static const char *const what[NAME_STATES] = {
		[NAME_UNCONFIRMED] = "the name of your address does not lead back to it",
		[NAME_NONE] = "your address has no name",
		[NAME_FAILED] = "the name of your address cannot be found now"
	};
	const struct policy *p = r->policy;

	if (what[q->name_state] == NULL || p->unknown_clients == UNKNOWN_PASS ||
	    (q->name_state == NAME_UNCONFIRMED && p->unknown_clients == UNKNOWN_NO_NAME))
		return FOUND_NONE;
	if (q->name_state == NAME_FAILED)
		status_set(&a->status, 450, "4.7.25", "Client [%.*s]: %s", STR_ARG(q->client),
		    what[q->name_state]);
	else
		status_set(&a->status, 550, "5.7.25", "Client [%.*s]: %s", STR_ARG(q->client),
		    what[q->name_state]);
	a->rule =
	    arena_printf(r->arena, "reject_unknown_clients (%.*s)", STR_ARG(p->unknown_where));
	return FOUND;
}

/* What DNS says of a stranger. FOUND: *a says no. */
static enum found by_dns(struct run *r, const struct access_question *q,
    const struct verdict v[STEPS], struct access_answer *a)
{
	if (welcome(r, q, v))
		return FOUND_NONE;
	if (q->listed.n == 0)
		return by_name(r, q, a);
	status_set(&a->status, 554, "5.7.1", "Client [%.*s] is on the list %.*s",
	    STR_ARG(q->client), STR_ARG(q->listed));
	a->rule = arena_printf(r->arena, "dns_lists %.*s", STR_ARG(str_take(q->listed, 100)));
	return FOUND;
}

/* Somebody at the local socket is "uid:1000", and may have an account all the same. */
static enum found own_account(struct run *r, struct str login, struct str *account)
{
	struct table_answer out;
	enum found f = FOUND_NONE;

	*account = run_lower(r, login);
	if (str_starts(login, STR("uid:")))
		f = run_find(r, &r->policy->local_login, login, false, &out);
	if (f == FOUND)
		*account = run_lower(r, str_take(str_trim(out.value), ACCESS_LOGIN_MAX));
	return f;
}

/* What its account says of how much a login may send. */
static enum found own_limits(
    struct run *r, const struct access_question *q, struct access_answer *a)
{
	struct account account;
	struct str name;
	enum found f;

	if (!a->outgoing)
		return FOUND_NONE;
	f = own_account(r, q->login, &name);
	if (f == FOUND)
		a->charged = name;
	if (f == FOUND_FAILED || str_find(name, '@') == -1)
		return f;
	f = run_account(r, name, &account);
	if (f == FOUND) {
		a->per_hour = account.per_hour;
		a->per_day = account.per_day;
	}
	return f;
}

void rcpt_answer(struct run *r, const struct access_question *q, struct access_answer *a)
{
	struct str address =
	    str_rfind(q->rcpt, '@') == -1 ? run_join(r, q->rcpt, r->policy->origin) : q->rcpt;
	struct check c = { .r = r, .parts = run_parts(r, address), .address = q->rcpt, .a = a };
	struct verdict v[STEPS];
	enum found f;

	*a = (struct access_answer){ .rule = STR_NONE };
	f = by_rules(r, q, address, v, a);
	if (f == FOUND_NONE)
		f = by_dns(r, q, v, a);
	if (f == FOUND)
		return;
	if (f == FOUND_NONE)
		f = may_send(r, q, &c.parts, &c.rule, a);
	if (f == FOUND_NONE)
		f = exists(&c, address);
	if (f == FOUND)
		f = own_limits(r, q, a);
	if (f == FOUND_FAILED) {
		access_unavailable(r, a);
		return;
	}
	for (int i = 0; i < STEPS; i++)
		apply_later(&v[i], a);
	for (int i = 0; i < STEPS && status_good(&a->status); i++) {
		if (v[i].acts)
			a->actions[a->nactions++] = v[i].action;
	}
}
