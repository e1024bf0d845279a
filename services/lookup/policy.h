/*
 * The settings of services/lookup, read once, with their tables open. Made anew at a reload; tables
 * that change on disk are noticed in between.
 */
#ifndef LOOKUP_POLICY_H
#define LOOKUP_POLICY_H

#include "base/arena.h"
#include "net/ip.h"
#include "proto/conf.h"
#include "strmap.h"
#include "table/table.h"

/* The tables of one setting, asked in order. */
struct maps {
	const char *setting;
	struct table **table;
	struct str *rule; /* of each: what answers name that stand in the setting itself */
	size_t n;
};

/* Address classes, in the order of their settings. */
enum class { CLASS_OTHER, CLASS_LOCAL, CLASS_MAILBOX, CLASS_ALIAS, CLASS_RELAY, CLASSES };

/* One list of domains. */
struct domains {
	const char *setting;
	struct str where; /* thurn.conf:12 */
	struct str *below; /* items ".example.org" */
	size_t nbelow;
	struct maps maps;
};

struct policy {
	struct arena arena;
	int dir; /* the table directory */
	struct str dir_path; /* what it is called outside */
	struct str login_domain; /* of logins without one */
	struct str hostname, origin, delimiters, relayhost, postmaster;
	struct str default_transport, default_transport_where, fallback_relay;
	struct str relayhost_where, postmaster_where, trusted_where;
	uint32_t depth_max, targets_max;
	enum { UNKNOWN_PASS, UNKNOWN_NO_NAME, UNKNOWN_UNCONFIRMED } unknown_clients; /* refused */
	struct str unknown_where;
	struct cidr *trusted;
	size_t ntrusted;
	struct domains domains[CLASSES]; /* [CLASS_OTHER] is empty */
	struct strmap names; /* domain -> its struct domains */
	struct strmap no_rules; /* titles of listeners without access rules */
	struct maps client_access, submission_client_access, helo_access, sender_access,
	    recipient_access;
	struct maps relay_clientcerts, local_login;
	struct maps canonical, sender_canonical, recipient_canonical;
	struct maps virtual_alias, alias, relay_recipients, transport, sender_login;
	struct maps sender_transport, sender_relayhost, lane, source;
	struct str default_pool, default_pool_rule; /* where source knows nothing; empty: none */
	struct strmap sockets; /* paths of remote_sockets */
	struct strmap pools; /* titles of sections source_pool */
	struct maps remote_tls_policy, remote_auth, address_preference;
	struct str remote_tls, remote_tls_rule; /* where that knows nothing */
};

enum { POLICY_WHY = 512 };

/*
 * NULL with a sentence that begins with the setting's file:line. dir must stay open; path is its
 * name in the file system: table names that begin with it are taken relative to dir.
 */
struct policy *policy_load(const struct conf *c, int dir, const char *path, char why[POLICY_WHY]);
void policy_free(struct policy *p);

/*
 * Looks for changed tables; now in milliseconds. Calls told() for each that has other content now,
 * and for each that has become older than its text.
 */
void policy_refresh(
    struct policy *p, uint64_t now, void (*told)(const struct table *t, bool changed, bool stale));

/* Calls fn for each table of the policy. */
void policy_tables(struct policy *p, void (*fn)(struct table *t, void *arg), void *arg);

#endif
