/* LOOKUP_ROUTE. See route.h. */
#include "route.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mail/address.h"
#include "nexthop.h"
#include "relay.h"
#include "resolve.h"
#include "source.h"
#include "table/file.h"
#include "ways.h"

enum { INCLUDE_MAX = 64 * 1024 * 1024 /* bytes of one :include: file */ };

/* What to do with an item of the work list. */
enum stage { STAGE_ADDRESS, STAGE_ALIAS, STAGE_INCLUDE, STAGES };

/* An address (or the name of an include file) on its way, and how it came about. */
struct item {
	struct item *next;
	const struct item *parent; /* what it was expanded from */
	struct str addr; /* as it will be delivered */
	struct str key; /* stage, and addr in lower case */
	struct str owner; /* sender to use instead; empty = the message's own */
	struct str rule; /* by which it came here */
	uint32_t depth;
	uint8_t stage;
	bool itself; /* it names itself: no further expansion of this kind */
};

struct expansion {
	struct run *r;
	struct str sender;
	struct item *first, **last;
	struct strmap seen; /* keys of all items */
	struct strmap reached; /* addresses with a result */
	uint32_t targets;
	bool overflow;
	struct routes *out;
	struct result **tail;
};

/* --- results --------------------------------------------------------------------------------- */

/* The nearest address: an include file stands for the one that named it. */
static struct str address_of(const struct item *it)
{
	while (it->stage == STAGE_INCLUDE)
		it = it->parent;
	return it->addr;
}

static struct result *add_result(
    struct expansion *x, const struct item *it, enum transport transport, struct str rule)
{
	struct result *res = arena_alloc(x->r->arena, sizeof *res);
	struct str key;

	res->addr = address_of(it);
	res->owner = it->owner;
	res->rule = rule;
	res->transport = (uint8_t)transport;
	/* the same mailbox by two ways gets it once; a part that fails does not stand for one that
	 * does not */
	key = arena_printf(x->r->arena, "%c%.*s", transport == TRANSPORT_ERROR ? '-' : '+',
	    STR_ARG(run_lower(x->r, res->addr)));
	if (strmap_put(&x->reached, key, res)) {
		*x->tail = res;
		x->tail = &res->next;
		x->out->n++;
	}
	return res;
}

static void add_error(struct expansion *x, const struct item *it, struct str rule, int code,
    const char *enhanced, const char *sentence)
{
	struct status *st = arena_alloc(x->r->arena, sizeof *st);

	status_set(
	    st, code, enhanced, "<%.*s>: %s", STR_ARG(str_take(address_of(it), 300)), sentence);
	add_result(x, it, TRANSPORT_ERROR, rule)->status = st;
}

/* --- the work list --------------------------------------------------------------------------- */

static bool is_ancestor(const struct item *it, struct str key)
{
	for (; it != NULL; it = it->parent) {
		if (str_eq(it->key, key))
			return true;
	}
	return false;
}

static void append(struct expansion *x, struct item *it)
{
	*x->last = it;
	x->last = &it->next;
}

/* Ends a loop as an error, leaves out what was on the list before, and otherwise appends. */
static void enqueue(struct expansion *x, struct item *it)
{
	it->key = arena_printf(x->r->arena, "%c%.*s", it->stage * 2 + it->itself + 'a',
	    STR_ARG(run_lower(x->r, it->addr)));
	if (is_ancestor(it->parent, it->key))
		add_error(x, it, it->rule, 554, "5.4.6", "its aliases lead back to it");
	else if (it->depth > x->r->policy->depth_max)
		add_error(x, it, it->rule, 554, "5.4.6", "aliases lead to aliases without an end");
	else if (strmap_put(&x->seen, it->key, it))
		append(x, it);
}

/* Puts on the list what `from` leads to. What leads to itself is taken as it is. */
static void add_item(struct expansion *x, const struct item *from, enum stage stage,
    struct str addr, struct str owner, struct str rule, bool itself)
{
	struct item *it = arena_alloc(x->r->arena, sizeof *it);

	*it = (struct item){ .parent = from,
		.addr = addr,
		.owner = owner,
		.rule = rule,
		.depth = from == NULL ? 0 : from->depth + 1,
		.stage = (uint8_t)stage,
		.itself = itself };
	if (from != NULL && stage != STAGE_INCLUDE && from->stage != STAGE_INCLUDE &&
	    str_caseeq(addr, from->addr)) {
		it->itself = true;
		it->stage = from->stage;
	}
	enqueue(x, it);
}

/* An address in a local domain: its name is what counts from here on. */
static void to_alias(struct expansion *x, const struct item *from, struct str rule)
{
	struct item *it = arena_alloc(x->r->arena, sizeof *it);

	*it = *from;
	it->next = NULL;
	it->parent = from;
	it->stage = STAGE_ALIAS;
	it->itself = false;
	it->rule = rule;
	enqueue(x, it);
}

/* One target of the value of a rule. */
static void add_target(struct expansion *x, const struct item *it, struct target *t,
    struct str domain, struct str owner, struct str ext, struct str rule)
{
	struct run *r = x->r;
	bool alias = it->stage != STAGE_ADDRESS;
	struct address a;
	struct str to;

	if (t->kind == TARGET_NAME && alias) {
		add_item(x, it, STAGE_ALIAS, run_join(r, t->text, domain), owner, rule, false);
	} else if (t->kind == TARGET_MAILBOX && alias &&
		   address_parse(t->text, ADDRESS_UTF8 | ADDRESS_BARE, &a) == ADDRESS_OK) {
		to = a.domain.n > 0 ? arena_str(r->arena, a.text)
				    : run_join(r, arena_str(r->arena, a.text), domain);
		add_item(x, it, STAGE_ALIAS, to, owner, rule, true);
	} else if (t->kind == TARGET_INCLUDE && alias) {
		add_item(x, it, STAGE_INCLUDE, t->text, owner, rule, false);
	} else if (t->kind == TARGET_COMMAND && alias) {
		add_error(x, it, rule, 550, "5.3.5", "delivery to a command is not possible here");
	} else if (t->kind == TARGET_FILE && alias) {
		add_error(x, it, rule, 550, "5.3.5", "delivery to a file is not possible here");
	} else {
		to = resolve_target(r, t, it->addr, ext);
		if (to.n == 0 || to.n > ADDRESS_MAX) {
			log_error(&r->tag, EV("alias-bad-target"), KS("rule", rule),
			    KS("target", t->text));
			add_error(
			    x, it, rule, 451, "4.3.5", "its alias has an entry that is no address");
			return;
		}
		add_item(x, it, STAGE_ADDRESS, to, owner, rule, false);
	}
}

static void add_targets(struct expansion *x, const struct item *it, struct targets list,
    struct str domain, struct str owner, struct str ext, struct str rule)
{
	struct target t;

	while (!x->overflow && targets_next(&list, x->r->arena, &t)) {
		if (++x->targets > x->r->policy->targets_max) {
			x->overflow = true;
			log_error(&x->r->tag, EV("alias-too-large"), KS("rule", rule),
			    KI("limit", x->r->policy->targets_max));
			x->r->failed_rule = rule;
		} else {
			add_target(x, it, &t, domain, owner, ext, rule);
		}
	}
}

/* --- mailboxes and other hosts --------------------------------------------------------------- */

/* An alias of the account database. */
static void to_targets(
    struct expansion *x, const struct item *it, struct str targets, struct str rule)
{
	struct str to;

	while (!x->overflow && str_word(&targets, &to)) {
		x->overflow = ++x->targets > x->r->policy->targets_max;
		if (!x->overflow)
			add_item(x, it, STAGE_ADDRESS, to, it->owner, rule, false);
	}
	if (x->overflow)
		x->r->failed_rule = rule;
}

static void to_mailbox(
    struct expansion *x, const struct item *it, const struct parts *p, struct str rule)
{
	struct account account;
	struct result *res;

	switch (resolve_mailbox(x->r, p, &account)) {
	case FOUND_FAILED:
		return;
	case FOUND:
		rule = resolve_account_rule(x->r, rule, &account);
		if (account.targets.n > 0) {
			to_targets(x, it, account.targets, rule);
			return;
		}
		if (!account.enabled) {
			add_error(x, it, rule, 550, "5.2.1", "this mailbox is disabled");
			return;
		}
		res = add_result(x, it, TRANSPORT_MAILDIR, rule);
		res->home = account.home;
		res->uid = account.uid;
		res->gid = account.gid;
		return;
	case FOUND_NONE:
		break;
	}
	if (resolve_postmaster(x->r, p))
		add_item(x, it, STAGE_ADDRESS, x->r->policy->postmaster, it->owner,
		    arena_printf(
			x->r->arena, "postmaster (%.*s)", STR_ARG(x->r->policy->postmaster_where)),
		    false);
	else
		add_error(x, it, rule, 550, "5.1.1", "no such user here");
}

/* As a transport wants it. */
static void to_transport(struct expansion *x, const struct item *it, const struct parts *p,
    const struct nexthop *hop, struct str rule)
{
	struct status *st = NULL;
	struct result *res;

	if (hop->transport == TRANSPORT_ERROR) {
		st = arena_alloc(x->r->arena, sizeof *st);
		*st = hop->status;
	}
	res = add_result(x, it, (enum transport)hop->transport, rule);
	res->status = st;
	if (hop->transport != TRANSPORT_ERROR)
		res->nexthop = hop->host.n > 0 ? hop->host : p->domain;
	res->implicit_tls = hop->implicit_tls;
	res->fallback = hop->fallback;
}

/* host: what transport_maps say beforehand, or empty. */
static void to_host(struct expansion *x, const struct item *it, const struct parts *p, bool ours,
    struct str host, struct str rule)
{
	struct str sender = it->owner.n > 0 ? it->owner : x->sender, other = rule;
	struct nexthop hop;

	if (relay_find(x->r, sender, ours, &hop, &other) == FOUND_FAILED)
		return;
	if (host.n > 0)
		hop.host = host;
	to_transport(x, it, p, &hop, host.n > 0 ? rule : other);
}

/* What a rule of transport_maps wants. FOUND_NONE: what the class wants, perhaps with another host.
 */
static enum found by_transport(struct expansion *x, const struct item *it, const struct parts *p,
    struct str *host, struct str *rule)
{
	struct table_answer out;
	struct nexthop hop;
	enum found f = resolve_transport(x->r, p, &out);

	if (f != FOUND)
		return f;
	if (nexthop_parse(out.value, &hop) == -1)
		return run_fail(x->r, out.rule, STR("not transport:nexthop of a known transport"));
	*host = hop.host;
	*rule = out.rule;
	switch (hop.transport) {
	case NEXTHOP_DEFAULT:
		return FOUND_NONE;
	case TRANSPORT_MAILDIR:
		*host = STR_NONE;
		return FOUND_NONE;
	default:
		/* the rule names the way: relayhost does not count, not even without a next hop */
		to_transport(x, it, p, &hop, out.rule);
		return FOUND;
	}
}

/* --- stages ---------------------------------------------------------------------------------- */

static void on_address(struct expansion *x, const struct item *it)
{
	struct run *r = x->r;
	struct parts p = run_parts(r, it->addr);
	struct table_answer out;
	struct str rule = STR("default"), host = STR_NONE;
	enum class class;
	bool ext_left;
	enum found f;

	if (run_class(r, p.domain, &class, &rule) == FOUND_FAILED)
		return;
	if (!it->itself) {
		f = resolve_virtual(r, &p, class == CLASS_LOCAL, &out, &ext_left);
		if (f == FOUND)
			add_targets(x, it, targets_of(out.value, false), p.domain, it->owner,
			    ext_left ? p.ext : STR_NONE, out.rule);
		if (f != FOUND_NONE)
			return;
	}
	if (class == CLASS_ALIAS && !it->itself) {
		if (resolve_postmaster(r, &p))
			add_item(
			    x, it, STAGE_ADDRESS, r->policy->postmaster, it->owner, rule, false);
		else
			add_error(x, it, rule, 550, "5.1.1", "no such user here");
		return;
	}
	if (by_transport(x, it, &p, &host, &rule) != FOUND_NONE)
		return;
	if (class == CLASS_LOCAL)
		to_alias(x, it, rule);
	else if (class == CLASS_MAILBOX || class == CLASS_ALIAS)
		to_mailbox(x, it, &p, rule);
	else
		to_host(x, it, &p, class == CLASS_RELAY, host, rule);
}

/* owner-NAME in the alias tables: its address becomes the sender of what NAME expands to. */
static enum found owner_of(struct expansion *x, const struct item *it, const struct parts *p,
    struct str name, struct str *owner)
{
	struct table_answer out;
	struct str key;
	enum found f;

	*owner = it->owner;
	if (x->sender.n == 0 || str_starts(name, STR("owner-")))
		return FOUND_NONE; /* what bounces must not bounce again */
	key = arena_printf(x->r->arena, "owner-%.*s", STR_ARG(name));
	f = run_find(x->r, &x->r->policy->alias, key, false, &out);
	if (f == FOUND)
		*owner = run_join(x->r, key, p->domain);
	return f;
}

static void on_alias(struct expansion *x, const struct item *it)
{
	struct run *r = x->r;
	struct parts p = run_parts(r, it->addr);
	struct str name = STR_NONE, owner;
	struct table_answer out;
	enum found f = it->itself ? FOUND_NONE : resolve_alias(r, &p, &out, &name);

	if (f == FOUND && owner_of(x, it, &p, name, &owner) != FOUND_FAILED)
		add_targets(
		    x, it, targets_of(out.value, false), p.domain, owner, STR_NONE, out.rule);
	if (f == FOUND_NONE)
		to_mailbox(x, it, &p, it->rule);
}

static void on_include(struct expansion *x, const struct item *it)
{
	struct policy *policy = x->r->policy;
	struct str name = it->addr, address = address_of(it), rule;
	struct stat st;
	struct buf text;
	char why[TABLE_WHY];
	int fd, r;

	if (str_starts(name, policy->dir_path) && name.n > policy->dir_path.n &&
	    policy->dir_path.n > 0 && name.p[policy->dir_path.n] == '/')
		name = str_skip(name, policy->dir_path.n + 1);
	rule = arena_printf(x->r->arena, ":include:%.*s", STR_ARG(name));
	fd = table_file_open(policy->dir, arena_z(x->r->arena, name), false, &st, why);
	if (fd == -1) {
		run_fail(x->r, rule, arena_str(x->r->arena, str_of(why)));
		return;
	}
	r = table_file_read(fd, INCLUDE_MAX, &text, why);
	close(fd);
	if (r == -1) {
		run_fail(x->r, rule, arena_str(x->r->arena, str_of(why)));
		return;
	}
	add_targets(x, it, targets_of(buf_view(&text), true),
	    str_skip(address, (size_t)str_rfind(address, '@') + 1), it->owner, STR_NONE, rule);
	buf_clear(&text);
}

static void (*const stages[STAGES])(struct expansion *x, const struct item *it) = {
	[STAGE_ADDRESS] = on_address, [STAGE_ALIAS] = on_alias, [STAGE_INCLUDE] = on_include
};

/* --- the whole ------------------------------------------------------------------------------- */

/* Nothing is delivered by halves: the queue tries the whole again later. */
static void give_up(struct expansion *x, const struct route_question *q)
{
	struct item it = { .addr = q->rcpt };

	strmap_clear(&x->reached);
	*x->out = (struct routes){ .n = 0 };
	x->tail = &x->out->first;
	if (x->overflow)
		add_error(
		    x, &it, x->r->failed_rule, 451, "4.3.5", "it expands to too many recipients");
	else
		add_error(x, &it, x->r->failed_rule, 451, "4.3.0", "temporary lookup failure");
}

static void begin(struct expansion *x, const struct route_question *q)
{
	struct run *r = x->r;
	struct str address = q->rcpt, owner = STR_NONE, rule = STR_NONE, sender = q->sender;

	if (str_rfind(address, '@') == -1)
		address = run_join(r, address, r->policy->origin);
	if (resolve_canonical(r, false, &address, &rule) == FOUND_FAILED)
		return;
	if (sender.n > 0) {
		if (str_rfind(sender, '@') == -1)
			sender = run_join(r, sender, r->policy->origin);
		if (resolve_canonical(r, true, &sender, &rule) == FOUND_FAILED)
			return;
		if (!str_eq(sender, q->sender))
			owner = sender;
	}
	add_item(x, NULL, STAGE_ADDRESS, address, owner, rule, false);
}

/* A filter gets the message as it is: what it gives back is what will be expanded. */
static void to_filter(struct run *r, const struct route_question *q, struct routes *out)
{
	struct nexthop hop;
	struct result *res = arena_alloc(r->arena, sizeof *res);
	struct status *st = arena_alloc(r->arena, sizeof *st);
	bool remote;

	if (nexthop_parse(q->filter, &hop) == -1) {
		hop = (struct nexthop){ .transport = TRANSPORT_ERROR, .host = STR_NONE };
		status_set(&hop.status, 451, "4.3.5", "the filter of this message is no transport");
	}
	*st = hop.status;
	remote = hop.transport == TRANSPORT_SMTP || hop.transport == TRANSPORT_LMTP;
	*res = (struct result){ .transport = hop.transport,
		.implicit_tls = hop.implicit_tls,
		.addr = q->rcpt,
		.nexthop = !remote ? STR_NONE
			   : hop.host.n > 0
			       ? hop.host
			       : str_skip(q->rcpt, (size_t)str_rfind(q->rcpt, '@') + 1),
		.rule = q->filter_rule,
		.status = hop.transport == TRANSPORT_ERROR ? st : NULL };
	*out = (struct routes){ .first = res, .n = 1 };
}

void route_answer(struct run *r, const struct route_question *q, struct routes *out)
{
	struct expansion x = { .r = r, .sender = q->sender, .out = out };

	if (q->filter.n > 0) {
		to_filter(r, q, out);
		ways_add(r, out);
		if (r->failed)
			give_up(&x, q);
		strmap_clear(&x.reached);
		return;
	}
	*out = (struct routes){ .n = 0 };
	x.last = &x.first;
	x.tail = &out->first;
	begin(&x, q);
	for (struct item *it = x.first; it != NULL && !r->failed && !x.overflow; it = it->next) {
		if (r->nwanted >= WANTED_MAX)
			break; /* enough to ask for */
		stages[it->stage](&x, it);
	}
	/* nothing at all: an alias whose value is only comments */
	if (!r->failed && !x.overflow && !run_waits(r) && out->n == 0) {
		struct item it = { .addr = q->rcpt };

		add_error(&x, &it, STR("no target"), 451, "4.3.5", "its alias names nobody");
	}
	if (!x.overflow && !run_waits(r) && ways_add(r, out) != FOUND_FAILED)
		source_add(r, q, out);
	if (r->failed || x.overflow)
		give_up(&x, q);
	out->expanded = out->n != 1 || !str_eq(out->first->addr, q->rcpt);
	strmap_clear(&x.seen);
	strmap_clear(&x.reached);
}
