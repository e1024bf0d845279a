/*
 * One attempt to answer one question. Tables are asked at once; an account that is not in the cache
 * is noted as wanted, the attempt goes on as far as it can, and its result does not count: once
 * auth has answered, the question is run again from the start. So nothing here waits, and nothing
 * is half done.
 */
#ifndef LOOKUP_RUN_H
#define LOOKUP_RUN_H

#include "accounts.h"
#include "base/log.h"
#include "policy.h"
#include "proto/lookup.h"

enum { WANTED_MAX = 1024 /* accounts that one attempt asks for at once */ };

/* Learned for this question; survives from attempt to attempt, whatever the cache does. */
struct memo {
	enum account_state state; /* ACCOUNT_UNKNOWN: auth did not answer */
	struct account account;
};

/* What was looked at on the way, in order; kept only for whoever wants it explained. */
struct run_steps {
	struct lookup_step *step;
	uint32_t n; /* of LOOKUP_STEPS_MAX */
	bool more;
};

struct run {
	struct policy *policy;
	struct run_steps *steps; /* NULL: nobody wants to know */
	struct arena *arena; /* of this attempt */
	struct tag tag;
	struct strmap *memos; /* address -> struct memo */
	struct str *wanted; /* WANTED_MAX, once there are any */
	unsigned nwanted;
	bool failed; /* a table could not answer; it has been logged */
	struct str failed_rule;
};

enum found { FOUND_FAILED = -1, FOUND_NONE = 0, FOUND = 1 };

/* The first table of m that knows key. `part`: key is a part of an address, no matter for patterns.
 */
enum found run_find(
    struct run *r, const struct maps *m, struct str key, bool part, struct table_answer *out);

/*
 * The account of that name. FOUND_FAILED also while it is not known yet (then it is in wanted).
 */
enum found run_account(struct run *r, struct str address, struct account *out);

/* True when the attempt has to be repeated once the wanted accounts are known. */
static inline bool run_waits(const struct run *r)
{
	return r->nwanted > 0;
}

/* One more step, if somebody wants to know. Strings are those of the attempt. */
void run_step(struct run *r, enum found f, const char *setting, struct str key, struct str rule,
    struct str value);

/*
 * What a rule says cannot be carried out. Logs event table-failed, marks the attempt, and is a step.
 * Returns FOUND_FAILED.
 */
enum found run_fail(struct run *r, struct str rule, struct str why);

/* The class of a domain (lower case), with its rule. FOUND_FAILED when it cannot be told. */
enum found run_class(struct run *r, struct str domain, enum class *class, struct str *rule);

/* An address in the forms that tables are asked for. */
struct parts {
	struct str full; /* lower case: user+ext@domain */
	struct str local; /* user+ext */
	struct str user; /* without extension; the same as local when there is none */
	struct str ext; /* with its delimiter; empty */
	struct str domain;
	struct str base; /* user@domain */
};
/* address has a domain. Strings are in r->arena. */
struct parts run_parts(struct run *r, struct str address);

/*
 * Search order of virtual(5) and canonical(5): user+ext@domain, user@domain, then, for local
 * domains, user+ext and user, at last @domain. *ext_left: the extension was not part of what was
 * found.
 */
enum found run_find_address(struct run *r, const struct maps *m, const struct parts *p, bool local,
    struct table_answer *out, bool *ext_left);

/* By sender ("<>" when it is empty), then by "@domain". */
enum found run_find_sender(
    struct run *r, const struct maps *m, struct str sender, struct table_answer *out);

/*
 * As tls_policy(5) of Postfix has it: a next hop with brackets or a port is looked for as it is; a
 * domain also as ".parent" for all of its parents.
 */
enum found run_find_nexthop(
    struct run *r, const struct maps *m, struct str nexthop, struct table_answer *out);

/* text + "@" + domain, in r->arena. */
struct str run_join(struct run *r, struct str text, struct str domain);

/* s in lower case (ASCII), in r->arena. */
struct str run_lower(struct run *r, struct str s);

bool run_trusted(const struct policy *p, struct str client);

#endif
