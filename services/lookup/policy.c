/* The settings of services/lookup with their tables open. See policy.h. */
#include "policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hops.h"
#include "mail/address.h"
#include "relay.h"

enum { SPEC_SHOWN = 200 /* bytes of a table that stands in a setting */ };

/* Where each table setting goes. */
struct maps_row {
	const char *setting;
	size_t offset;
};
#define MAPS(setting, field)                                                                       \
	{                                                                                          \
		setting, offsetof(struct policy, field)                                            \
	}
static const struct maps_row maps_rows[] = { MAPS("client_access", client_access),
	MAPS("submission_client_access", submission_client_access),
	MAPS("helo_access", helo_access), MAPS("sender_access", sender_access),
	MAPS("recipient_access", recipient_access), MAPS("relay_clientcerts", relay_clientcerts),
	MAPS("local_login_maps", local_login), MAPS("canonical_maps", canonical),
	MAPS("sender_canonical_maps", sender_canonical),
	MAPS("recipient_canonical_maps", recipient_canonical),
	MAPS("virtual_alias_maps", virtual_alias), MAPS("alias_maps", alias),
	MAPS("sender_login_maps", sender_login), MAPS("relay_recipient_maps", relay_recipients),
	MAPS("transport_maps", transport), MAPS("lane_maps", lane), MAPS("source_maps", source),
	MAPS("sender_dependent_default_transport_maps", sender_transport),
	MAPS("sender_dependent_relayhost_maps", sender_relayhost),
	MAPS("remote_tls_policy", remote_tls_policy), MAPS("remote_auth", remote_auth),
	MAPS("remote_address_preference_maps", address_preference) };
enum { MAPS_ROWS = sizeof maps_rows / sizeof maps_rows[0] };

static const char *const class_settings[CLASSES] = { [CLASS_LOCAL] = "local_domains",
	[CLASS_MAILBOX] = "mailbox_domains",
	[CLASS_ALIAS] = "virtual_alias_domains",
	[CLASS_RELAY] = "relay_domains" };

static struct maps *maps_of(struct policy *p, const struct maps_row *row)
{
	return (struct maps *)(void *)((char *)p + row->offset);
}

static int explain(char *why, const struct conf *c, const char *setting, const char *text)
{
	snprintf(
	    why, POLICY_WHY, "%.*s: %s: %.400s", STR_ARG(conf_where(c, setting)), setting, text);
	return -1;
}

/* "hash:/etc/thurn/tables/x" is "hash:x" to a process that has nothing but that directory. */
static struct str relative(struct policy *p, struct str spec)
{
	size_t type = (size_t)str_find(spec, ':') + 1;
	struct str name = str_skip(spec, type);

	if (p->dir_path.n == 0 || !str_starts(name, p->dir_path) || name.n <= p->dir_path.n ||
	    name.p[p->dir_path.n] != '/')
		return spec;
	return arena_printf(&p->arena, "%.*s%.*s", STR_ARG(str_take(spec, type)),
	    STR_ARG(str_skip(name, p->dir_path.n + 1)));
}

/* What stands in the setting itself (inline:, static:) has no file of its own to be found in. */
static struct str rule_of(struct policy *p, const struct table *t, struct str where)
{
	struct str spec = table_spec(t);

	return arena_printf(&p->arena, "%.*s%s (%.*s)", STR_ARG(str_take(spec, SPEC_SHOWN)),
	    spec.n > SPEC_SHOWN ? "..." : "", STR_ARG(where));
}

/* where: file:line of the setting. */
static int maps_add(struct policy *p, struct maps *m, struct str spec, struct str where, char *why)
{
	struct table *t = table_open(p->dir, relative(p, spec), 0, why);

	if (t == NULL)
		return -1;
	m->table = xreallocarray(m->table, m->n + 1, sizeof(struct table *));
	m->rule = xreallocarray(m->rule, m->n + 1, sizeof *m->rule);
	m->rule[m->n] = rule_of(p, t, where);
	m->table[m->n++] = t;
	return 0;
}

static int load_maps(struct policy *p, const struct conf *c, const struct maps_row *row, char *why)
{
	struct maps *m = maps_of(p, row);
	char fault[TABLE_WHY];

	m->setting = row->setting;
	for (size_t i = 0; i < conf_count(c, row->setting); i++) {
		if (maps_add(p, m, conf_item(c, row->setting, i), conf_where(c, row->setting),
			fault) == -1)
			return explain(why, c, row->setting, fault);
	}
	return 0;
}

/* --- domains --------------------------------------------------------------------------------- */

static int twice(const struct conf *c, const struct domains *d, const struct domains *other,
    struct str name, char *why)
{
	char text[POLICY_WHY];

	snprintf(text, sizeof text, "%.*s is already in %s (%.*s); a domain has one class",
	    STR_ARG(str_take(name, 255)), other->setting, STR_ARG(other->where));
	return explain(why, c, d->setting, text);
}

static int add_name(
    struct policy *p, const struct conf *c, struct domains *d, struct str item, char *why)
{
	char name[DOMAIN_MAX + 1], text[POLICY_WHY];
	bool below = item.n > 1 && item.p[0] == '.';
	struct str plain = below ? str_skip(item, 1) : item, kept;

	if (domain_canonical(plain, true, name) == -1 &&
	    (below || literal_canonical(plain, name) == -1)) {
		snprintf(text, sizeof text, "\"%.*s\" is no domain", STR_ARG(str_take(item, 200)));
		return explain(why, c, d->setting, text);
	}
	kept = arena_printf(&p->arena, "%s%s", below ? "." : "", name);
	if (below) {
		d->below = xreallocarray(d->below, d->nbelow + 1, sizeof *d->below);
		d->below[d->nbelow++] = kept;
	}
	if (!strmap_put(&p->names, kept, d) && strmap_get(&p->names, kept) != d)
		return twice(c, d, strmap_get(&p->names, kept), kept, why);
	return 0;
}

static int load_domains(struct policy *p, const struct conf *c, enum class class, char *why)
{
	struct domains *d = &p->domains[class];
	char fault[TABLE_WHY];

	d->setting = d->maps.setting = class_settings[class];
	d->where = arena_str(&p->arena, conf_where(c, d->setting));
	for (size_t i = 0; i < conf_count(c, d->setting); i++) {
		struct str item = conf_item(c, d->setting, i);

		if (!table_is_spec(item)) {
			if (add_name(p, c, d, item, why) == -1)
				return -1;
		} else if (maps_add(p, &d->maps, item, d->where, fault) == -1) {
			return explain(why, c, d->setting, fault);
		}
	}
	return 0;
}

/* With no local_domains, this host is one, and so is localhost; unless the file says otherwise. */
static void default_local(struct policy *p)
{
	static const struct str localhost = { "localhost", 9 };
	struct domains *d = &p->domains[CLASS_LOCAL];

	if (strmap_get(&p->names, p->hostname) == NULL)
		strmap_put(&p->names, p->hostname, d);
	if (strmap_get(&p->names, localhost) == NULL)
		strmap_put(&p->names, localhost, d);
}

/* A name of one class in a table of another. */
struct search {
	struct policy *p;
	const struct conf *c;
	struct domains *in;
	char *why;
	struct arena arena;
};

static const struct domains *class_of_name(struct search *s, struct str name)
{
	struct table_answer out;
	struct domains *d = strmap_get(&s->p->names, name);

	if (d != NULL && d != s->in)
		return d;
	for (int i = CLASS_LOCAL; i < CLASSES; i++) {
		d = &s->p->domains[i];
		for (size_t k = 0; k < d->maps.n && d != s->in; k++) {
			if (table_lookup(d->maps.table[k], name, &s->arena, &out) == TABLE_FOUND)
				return d;
		}
	}
	return NULL;
}

static int check_key(void *arg, struct str key, struct str value)
{
	struct search *s = arg;
	const struct domains *other;

	(void)value;
	arena_reset(&s->arena);
	other = class_of_name(s, arena_str(&s->arena, key));
	return other == NULL ? 0 : (twice(s->c, s->in, other, key, s->why), 1);
}

/* Every key of every table of domains against all other lists. Patterns cannot be listed. */
static int check_tables(struct policy *p, const struct conf *c, char *why)
{
	struct search s = { .p = p, .c = c, .why = why };
	char fault[TABLE_WHY];
	int r = 0;

	arena_init(&s.arena);
	for (int i = CLASS_LOCAL; i < CLASSES && r == 0; i++) {
		s.in = &p->domains[i];
		for (size_t k = 0; k < s.in->maps.n && r == 0; k++) {
			if (table_is_pattern(s.in->maps.table[k]))
				continue;
			r = table_each(s.in->maps.table[k], check_key, &s, fault);
			if (r == -1)
				explain(why, c, s.in->setting, fault);
		}
	}
	arena_clear(&s.arena);
	return r == 0 ? 0 : -1;
}

/* --- the rest -------------------------------------------------------------------------------- */

static int load_networks(struct policy *p, const struct conf *c, char *why)
{
	size_t n = conf_count(c, "trusted_networks");

	p->trusted = arena_array(&p->arena, n, sizeof *p->trusted);
	for (size_t i = 0; i < n; i++) {
		if (cidr_parse(conf_item(c, "trusted_networks", i), &p->trusted[i]) == -1)
			return explain(why, c, "trusted_networks", "not a network");
	}
	p->ntrusted = n;
	p->trusted_where = arena_str(&p->arena, conf_where(c, "trusted_networks"));
	return 0;
}

static struct str lower(struct arena *a, struct str s)
{
	char *z = arena_z(a, s);

	for (size_t i = 0; i < s.n; i++)
		z[i] = ascii_lower(z[i]);
	return (struct str){ z, s.n };
}

/* A list of next hops. */
static int load_hops(
    struct policy *p, const struct conf *c, const char *setting, struct str *out, char *why)
{
	struct way y = { .n = 0 };
	const char *fault;

	*out = arena_str(&p->arena, conf_str(c, setting));
	fault = out->n > 0 ? hops_parse(*out, &y) : NULL;
	return fault == NULL ? 0 : explain(why, c, setting, fault);
}

static int load_relays(struct policy *p, const struct conf *c, char *why)
{
	const char *fault;

	p->relayhost_where = arena_str(&p->arena, conf_where(c, "relayhost"));
	p->default_transport_where = arena_str(&p->arena, conf_where(c, "default_transport"));
	p->default_transport = arena_str(&p->arena, conf_str(c, "default_transport"));
	if (str_find(p->default_transport, ':') == -1)
		p->default_transport =
		    arena_printf(&p->arena, "%.*s:", STR_ARG(p->default_transport));
	fault = relay_check_transport(p->default_transport);
	if (fault != NULL)
		return explain(why, c, "default_transport", fault);
	if (load_hops(p, c, "relayhost", &p->relayhost, why) == -1)
		return -1;
	return load_hops(p, c, "fallback_relay", &p->fallback_relay, why);
}

static int load_names(struct policy *p, const struct conf *c, char *why)
{
	struct address a;
	struct str postmaster = conf_str(c, "postmaster");

	p->hostname = lower(&p->arena, conf_str(c, "hostname"));
	if (p->hostname.n == 0)
		p->hostname = STR("localhost");
	p->origin = lower(&p->arena, conf_str(c, "origin"));
	if (p->origin.n == 0)
		p->origin = p->hostname;
	p->login_domain = lower(&p->arena, conf_str(c, "auth_default_domain"));
	if (p->login_domain.n == 0)
		p->login_domain = p->origin;
	p->delimiters = arena_str(&p->arena, conf_str(c, "recipient_delimiter"));
	for (size_t i = 0; i < p->delimiters.n; i++) {
		if (p->delimiters.p[i] == '@' || p->delimiters.p[i] == '"' ||
		    p->delimiters.p[i] == '.')
			return explain(why, c, "recipient_delimiter", "cannot be any of @ \" .");
	}
	p->remote_tls = arena_str(&p->arena, conf_str(c, "remote_tls"));
	p->remote_tls_rule =
	    arena_printf(&p->arena, "remote_tls (%.*s)", STR_ARG(conf_where(c, "remote_tls")));
	p->postmaster_where = arena_str(&p->arena, conf_where(c, "postmaster"));
	if (postmaster.n > 0) {
		if (address_parse(postmaster, ADDRESS_UTF8 | ADDRESS_BARE, &a) != ADDRESS_OK)
			return explain(why, c, "postmaster", "not an address");
		p->postmaster = a.domain.n > 0 ? arena_str(&p->arena, a.text)
					       : arena_printf(&p->arena, "%.*s@%.*s",
						     STR_ARG(a.text), STR_ARG(p->origin));
	}
	p->unknown_where = arena_str(&p->arena, conf_where(c, "reject_unknown_clients"));
	if (str_eq(conf_str(c, "reject_unknown_clients"), STR("reverse")))
		p->unknown_clients = UNKNOWN_NO_NAME;
	else if (str_eq(conf_str(c, "reject_unknown_clients"), STR("confirmed")))
		p->unknown_clients = UNKNOWN_UNCONFIRMED;
	p->depth_max = (uint32_t)conf_int(c, "alias_depth_limit");
	p->targets_max = (uint32_t)conf_int(c, "alias_expansion_limit");
	if (load_relays(p, c, why) == -1)
		return -1;
	return load_networks(p, c, why);
}

/* Listeners at which access rules do not count: what comes from there has passed them. */
static void load_listeners(struct policy *p, const struct conf *c)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "listener", i)) != NULL; i++) {
		if (!section_bool(s, "access_rules"))
			strmap_put(&p->no_rules, arena_str(&p->arena, section_title(s)), p);
	}
}

static int load_pools(struct policy *p, const struct conf *c, char *why)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "source_pool", i)) != NULL; i++)
		strmap_put(&p->pools, arena_str(&p->arena, section_title(s)), p);
	p->default_pool = arena_str(&p->arena, conf_str(c, "default_source_pool"));
	if (p->default_pool.n == 0)
		return 0;
	p->default_pool_rule = arena_printf(
	    &p->arena, "default_source_pool (%.*s)", STR_ARG(conf_where(c, "default_source_pool")));
	return strmap_get(&p->pools, p->default_pool) != NULL
		   ? 0
		   : explain(why, c, "default_source_pool", "there is no such source_pool");
}

static void load_sockets(struct policy *p, const struct conf *c)
{
	for (size_t i = 0; i < conf_count(c, "remote_sockets"); i++)
		strmap_put(&p->sockets, arena_str(&p->arena, conf_item(c, "remote_sockets", i)), p);
}

struct policy *policy_load(const struct conf *c, int dir, const char *path, char why[POLICY_WHY])
{
	struct policy *p = xcalloc(1, sizeof *p);
	int r;

	arena_init(&p->arena);
	p->dir = dir;
	p->dir_path = arena_str(&p->arena, str_of(path));
	r = load_names(p, c, why);
	load_listeners(p, c);
	load_sockets(p, c);
	if (r == 0)
		r = load_pools(p, c, why);
	for (int i = CLASS_LOCAL; i < CLASSES && r == 0; i++)
		r = load_domains(p, c, (enum class)i, why);
	if (r == 0 && conf_count(c, "local_domains") == 0)
		default_local(p);
	for (size_t i = 0; i < MAPS_ROWS && r == 0; i++)
		r = load_maps(p, c, &maps_rows[i], why);
	if (r == 0)
		r = check_tables(p, c, why);
	if (r == 0)
		return p;
	policy_free(p);
	return NULL;
}

static void free_maps(struct maps *m)
{
	for (size_t i = 0; i < m->n; i++)
		table_close(m->table[i]);
	free(m->table);
	free(m->rule);
}

void policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < MAPS_ROWS; i++)
		free_maps(maps_of(p, &maps_rows[i]));
	for (int i = 0; i < CLASSES; i++) {
		free_maps(&p->domains[i].maps);
		free(p->domains[i].below);
	}
	strmap_clear(&p->names);
	strmap_clear(&p->no_rules);
	strmap_clear(&p->pools);
	strmap_clear(&p->sockets);
	arena_clear(&p->arena);
	free(p);
}

void policy_tables(struct policy *p, void (*fn)(struct table *t, void *arg), void *arg)
{
	for (size_t i = 0; i < MAPS_ROWS; i++) {
		for (size_t k = 0; k < maps_of(p, &maps_rows[i])->n; k++)
			fn(maps_of(p, &maps_rows[i])->table[k], arg);
	}
	for (int i = 0; i < CLASSES; i++) {
		for (size_t k = 0; k < p->domains[i].maps.n; k++)
			fn(p->domains[i].maps.table[k], arg);
	}
}

struct refresh {
	uint64_t now;
	void (*told)(const struct table *t, bool changed, bool stale);
};

static void refresh_one(struct table *t, void *arg)
{
	struct refresh *r = arg;
	bool was_stale = table_stale(t)[0] != '\0';
	bool changed = table_refresh(t, r->now);
	bool stale = table_stale(t)[0] != '\0' && !was_stale;

	if (changed || stale)
		r->told(t, changed, stale);
}

void policy_refresh(
    struct policy *p, uint64_t now, void (*told)(const struct table *t, bool changed, bool stale))
{
	struct refresh r = { now, told };

	policy_tables(p, refresh_one, &r);
}
