/* The steps of rewriting and routing that smtpd's question "whether" and the queue's "where" share.
 */
#ifndef LOOKUP_RESOLVE_H
#define LOOKUP_RESOLVE_H

#include "mail/status.h"
#include "run.h"
#include "targets.h"

/*
 * Canonical form by sender_canonical_maps or recipient_canonical_maps, then canonical_maps. FOUND:
 * *address has become another.
 */
enum found resolve_canonical(struct run *r, bool sender, struct str *address, struct str *rule);

/* What virtual_alias_maps make of it; local: the domain is a local one. */
enum found resolve_virtual(
    struct run *r, const struct parts *p, bool local, struct table_answer *out, bool *ext_left);

/* What alias_maps make of the name; *name: which form of it was found. */
enum found resolve_alias(
    struct run *r, const struct parts *p, struct table_answer *out, struct str *name);

/* The account, by whole address and then without extension. */
enum found resolve_mailbox(struct run *r, const struct parts *p, struct account *out);

/* "RULE: account user@example.org": which rule made an account the answer, and which one. */
struct str resolve_account_rule(struct run *r, struct str rule, const struct account *account);

/* True when this is a postmaster that nobody else takes, so that the setting does. */
bool resolve_postmaster(struct run *r, const struct parts *p);

/*
 * A target of a rewriting table applied to address: DOMAIN keeps the local part, a NAME gets the
 * origin, an extension that was left over is added again. Empty if nothing sensible comes of it.
 */
struct str resolve_target(
    struct run *r, const struct target *t, struct str address, struct str ext);

/* What transport_maps say: "transport:nexthop" as it stands there. */
enum found resolve_transport(struct run *r, const struct parts *p, struct table_answer *out);

#endif
