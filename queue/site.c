/* Which destination a next hop belongs to. See site.h. */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/chan.h"
#include "base/id.h"
#include "base/loop.h"
#include "base/siphash.h"
#include "net/dns.h"
#include "net/ip.h"
#include "policy.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "shards.h"

enum {
	SITES_MAX = 20000, /* next hops that are remembered */
	ASKS_MAX = 100, /* questions at once; more wait */
	KEEP_MIN_S = 60,
	KEEP_MAX_S = 3600,
	KEY_MAX = 400,
};

/* What is known of one next hop. */
struct site {
	struct shard_node in; /* by hash of name: another name with the same takes its place */
	struct ask ask;
	TAILQ_ENTRY(site) age; /* the longest known first */
	TAILQ_ENTRY(site) next; /* among those that wait to be asked */
	TAILQ_HEAD(, sched_work) waiters;
	void (*done)(struct sched_work *w);
	uint64_t until; /* ms on the loop's clock */
	bool asking, queued;
	uint16_t policy;
	char *key;
	char name[]; /* in lower case */
};

static struct shards sites;
static TAILQ_HEAD(site_list, site) by_age = TAILQ_HEAD_INITIALIZER(by_age),
				   to_ask = TAILQ_HEAD_INITIALIZER(to_ask);
static unsigned nsites, asking;
static uint64_t secret[2];

/* --- names ------------------------------------------------------------------------------------ */

/* The next hop in lower case, in static memory. */
static struct str lower(struct str nexthop)
{
	static char text[NEXTHOP_MAX];

	nexthop = str_take(nexthop, sizeof text);
	for (size_t i = 0; i < nexthop.n; i++)
		text[i] = ascii_lower(nexthop.p[i]);
	return str_bytes(text, nexthop.n);
}

/* The domain whose MX records say where it is; empty when none do. *port: ":25" behind it. */
static struct str domain_of(const struct route *r, struct str nexthop, struct str *port)
{
	ssize_t colon = str_rfind(nexthop, ':');
	struct str domain = colon == -1 ? nexthop : str_take(nexthop, (size_t)colon);
	struct ip ip;

	*port = colon == -1 ? STR_NONE : str_skip(nexthop, (size_t)colon);
	if (r->transport != TRANSPORT_SMTP || !dns_name_valid(domain) ||
	    ip_parse(domain, &ip) == 0 || str_find(domain, '.') == -1 || policy_static_host(domain))
		return STR_NONE;
	return domain;
}

static int compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The names of all MX hosts, whatever their order. */
static char *key_of_hosts(const struct mail_reply *m, struct str port)
{
	struct str *names = xcalloc(m->nhosts + 1, sizeof *names);
	char key[KEY_MAX];
	struct buf all;

	for (uint32_t i = 0; i < m->nhosts; i++)
		names[i] = m->hosts[i].name;
	qsort(names, m->nhosts, sizeof *names, compare);
	buf_init(&all, 1024 * 1024);
	for (uint32_t i = 0; i < m->nhosts; i++) {
		buf_z(&all, i == 0 ? "" : ",");
		buf_str(&all, names[i]);
	}
	buf_str(&all, port);
	if (all.n < sizeof key)
		str_copy(buf_view(&all), key, sizeof key);
	else
		snprintf(key, sizeof key, "%.*s,+%u#%016llx", STR_ARG(str_take(names[0], 255)),
		    m->nhosts - 1, (unsigned long long)siphash(secret, buf_view(&all)));
	buf_clear(&all);
	free(names);
	return xstrdup(key);
}

/* --- what is remembered ----------------------------------------------------------------------- */

static uint64_t hash(uint8_t transport, struct str name)
{
	if (secret[0] == 0) {
		secret[0] = id_random();
		secret[1] = id_random();
	}
	return siphash(secret, name) + transport;
}

static void site_free(struct site *s)
{
	shards_remove(&sites, &s->in);
	TAILQ_REMOVE(&by_age, s, age);
	nsites--;
	free(s->key);
	free(s);
}

static bool idle(const struct site *s)
{
	return !s->asking && !s->queued && TAILQ_EMPTY(&s->waiters);
}

static void forget_one(void)
{
	struct site *s;

	TAILQ_FOREACH (s, &by_age, age) {
		if (idle(s)) {
			site_free(s);
			return;
		}
	}
}

/* NULL when it is not known, or is another name's by chance. */
static struct site *find(uint64_t key, struct str name)
{
	struct site *s = (struct site *)shards_find(&sites, key);

	return s != NULL && str_eq(str_of(s->name), name) ? s : NULL;
}

static struct site *site_new(uint64_t key, struct str name)
{
	struct site *s = xcalloc(1, sizeof *s + name.n + 1);

	if (nsites >= SITES_MAX)
		forget_one();
	s->in.key = key;
	memcpy(s->name, name.p, name.n);
	TAILQ_INIT(&s->waiters);
	TAILQ_INSERT_TAIL(&by_age, s, age);
	shards_add(&sites, &s->in);
	nsites++;
	return s;
}

/* What a section says; *key is the destination when nothing else is known of it. */
static void by_policy(struct sched_site *out, const struct route *r, struct str name)
{
	*out = (struct sched_site){ .transport = r->transport,
		.policy = policy_match(name, NULL),
		.key = name,
		.pool = r->pool };
	if (policy_together(out->policy))
		out->key = policy_name(out->policy);
}

bool site_known(const struct route *r, struct sched_site *out)
{
	struct str name = lower(r->nexthop), port;
	const struct site *s;

	if (r->transport == TRANSPORT_MAILDIR) {
		*out = (struct sched_site){
			.transport = TRANSPORT_MAILDIR, .policy = POLICY_LOCAL, .key = STR_NONE
		};
		return true;
	}
	by_policy(out, r, name);
	if (policy_together(out->policy) || domain_of(r, name, &port).n == 0)
		return true;
	s = find(hash(r->transport, name), name);
	if (s != NULL && s->key != NULL) {
		out->policy = s->policy;
		out->key = str_of(s->key);
	}
	return s != NULL && s->until > loop_now();
}

/* --- asking ----------------------------------------------------------------------------------- */

static void ask_next(void);

static void learn(struct site *s, const struct mail_reply *m)
{
	struct str name = str_of(s->name), port;
	struct route r = { .transport = TRANSPORT_SMTP };
	bool hosts = m != NULL && m->status == DNS_OK && !m->null && m->nhosts > 0;
	uint64_t ttl = hosts ? m->ttl : 0;

	(void)domain_of(&r, name, &port);
	free(s->key);
	s->policy = policy_match(name, hosts ? m : NULL);
	if (policy_together(s->policy))
		s->key = str_dup(policy_name(s->policy));
	else if (hosts && !m->implicit)
		s->key = key_of_hosts(m, port);
	else
		s->key = str_dup(name);
	ttl = ttl < KEEP_MIN_S ? KEEP_MIN_S : ttl > KEEP_MAX_S ? KEEP_MAX_S : ttl;
	s->until = loop_now() + ttl * 1000;
	TAILQ_REMOVE(&by_age, s, age);
	TAILQ_INSERT_TAIL(&by_age, s, age);
}

static void on_reply(struct ask *a, struct ipc_msg *msg)
{
	struct site *s = a->arg;
	struct mail_reply m;
	struct sched_work *w;
	struct arena arena;
	struct get g;

	arena_init(&arena);
	if (msg != NULL)
		g = get_start(msg->body);
	s->asking = false;
	asking--;
	learn(s, msg != NULL && msg->type == RESOLVE_MAIL && get_mail_reply(&g, &arena, &m) == 0
		     ? &m
		     : NULL);
	arena_clear(&arena);
	while ((w = TAILQ_FIRST(&s->waiters)) != NULL) {
		site_cancel(w);
		s->done(w);
	}
	ask_next();
}

static void ask(struct site *s)
{
	struct route r = { .transport = TRANSPORT_SMTP };
	struct put w = put_start();
	struct str port;
	const struct mail_question q = { .domain = domain_of(&r, str_of(s->name), &port) };

	s->asking = true;
	asking++;
	put_mail_question(&w, &q);
	chan_ask(
	    proc_peer(ROLE_RESOLVER), &s->ask, RESOLVE_MAIL, &w, NULL, 0, RESOLVE_MS, on_reply, s);
}

static void ask_next(void)
{
	struct site *s;

	while (asking < ASKS_MAX && (s = TAILQ_FIRST(&to_ask)) != NULL) {
		TAILQ_REMOVE(&to_ask, s, next);
		s->queued = false;
		ask(s);
	}
}

void site_ask(const struct route *r, struct sched_work *w, void (*done)(struct sched_work *w))
{
	struct str name = lower(r->nexthop);
	uint64_t key = hash(r->transport, name);
	struct site *s = find(key, name);

	if (s == NULL) {
		struct site *other = (struct site *)shards_find(&sites, key);

		/* as good as impossible */
		if (other != NULL && idle(other))
			site_free(other);
		else if (other != NULL)
			key = id_random();
		s = site_new(key, name);
	}
	s->done = done;
	w->site = s;
	TAILQ_INSERT_TAIL(&s->waiters, w, next);
	if (!s->asking && !s->queued) {
		s->queued = true;
		TAILQ_INSERT_TAIL(&to_ask, s, next);
	}
	ask_next();
}

bool site_is_asked(const struct route *r)
{
	struct str name = lower(r->nexthop);
	const struct site *s = find(hash(r->transport, name), name);

	return s != NULL && !TAILQ_EMPTY(&s->waiters);
}

void site_cancel(struct sched_work *w)
{
	if (w->site == NULL)
		return;
	TAILQ_REMOVE(&w->site->waiters, w, next);
	w->site = NULL;
}

void site_reload(void)
{
	struct site *s, *next;

	for (s = TAILQ_FIRST(&by_age); s != NULL; s = next) {
		next = TAILQ_NEXT(s, age);
		if (idle(s)) {
			site_free(s);
			continue;
		}
		/* what is asked now will be judged by the new ones */
		free(s->key);
		s->key = NULL;
		s->until = 0;
	}
}
