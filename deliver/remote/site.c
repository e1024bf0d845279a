/* The hosts of a next hop. See site.h. */
#include "site.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/mx.h"
#include "own.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "settings.h"

enum {
	KEEP_MAX_S = 3600, /* however long DNS says */
	HOST_ADDRESSES_MAX = 6, /* of one of several hosts, so that the others get their turn */
};

/* --- judging --------------------------------------------------------------------------------- */

static bool is_own(const struct mail_host *h, uint16_t port)
{
	/* an alias of ours is ours even while no address is known */
	if (own_name(h->name) || own_name(h->canonical))
		return true;
	for (uint32_t i = 0; i < h->nips; i++)
		if (own_address(&h->ips[i], port))
			return true;
	return false;
}

/* RFC 5321 5.1: when we are among the hosts, only better ones may be used. */
static uint32_t hosts_before_us(const struct site *s)
{
	const struct mail_reply *m = &s->mail;
	uint32_t n = m->nhosts;

	for (uint32_t i = 0; i < n; i++)
		if (is_own(&m->hosts[i], s->port))
			n = i;
	while (n > 0 && n < m->nhosts && m->hosts[n - 1].preference == m->hosts[n].preference)
		n--;
	return n;
}

static void judge_failure(
    struct status *st, const char *domain, const struct mail_reply *m, uint8_t status)
{
	status_set(st, 451, "4.4.3", "DNS lookup for %s failed: %s%s%.*s", domain,
	    dns_status_name(status), m->why.n > 0 ? ", " : "", STR_ARG(m->why));
}

/* No host has an address: for good only if all of them surely have none. */
static void judge_hosts(struct site *s, const char *domain)
{
	const struct mail_reply *m = &s->mail;
	const struct mail_host *unsure = NULL;

	for (uint32_t i = 0; i < s->usable; i++) {
		if (m->hosts[i].status == DNS_OK)
			return;
		if (unsure == NULL && !dns_empty(m->hosts[i].status))
			unsure = &m->hosts[i];
	}
	if (unsure != NULL)
		judge_failure(&s->status, domain, m, unsure->status);
	else if (s->source == HOP_HOST) /* which somebody here wrote down */
		status_set(&s->status, 451, "4.4.4", "Host %s has no address", domain);
	else if (m->implicit)
		status_set(&s->status, 550, "5.1.2",
		    "Domain %s has neither MX records nor an address", domain);
	else
		status_set(&s->status, 550, "5.4.4",
		    "No host that the MX records of %s name has an address", domain);
}

void site_judge(struct site *s, const struct nexthop *h)
{
	const struct mail_reply *m = &s->mail;

	s->usable = m->nhosts;
	s->status.code = 0;
	if (m->null) {
		status_set(&s->status, 556, "5.1.10", "Domain %s takes no mail (null MX)", h->host);
	} else if (m->status == DNS_NXDOMAIN) {
		status_set(&s->status, 550, "5.1.2", "Domain %s does not exist", h->host);
	} else if (m->status != DNS_OK && m->status != DNS_NODATA) {
		judge_failure(&s->status, h->host, m, m->status);
	} else {
		if (s->source == HOP_MX)
			s->usable = hosts_before_us(s);
		if (s->usable == 0)
			status_set(&s->status, 554, "5.4.6", "Mail for %s loops back to this host",
			    h->host);
		else
			judge_hosts(s, h->host);
	}
}

/* --- the order ------------------------------------------------------------------------------- */

static void add_target(struct site_order *o, const struct ip *ip, uint16_t host)
{
	if (o->n < HOP_ADDRESSES_MAX)
		o->at[o->n++] = (struct site_target){ *ip, host };
}

static bool wanted(const struct families *f, const struct ip *ip)
{
	return ip->family == 6 ? f->six : f->four;
}

/* The next address of that family at or behind i. */
static uint32_t next_of(const struct mail_host *h, uint8_t family, uint32_t i)
{
	while (i < h->nips && h->ips[i].family != family)
		i++;
	return i;
}

static void add_host(struct site_order *o, const struct mail_host *h, uint16_t host,
    const struct families *f, uint32_t most)
{
	uint8_t turn = f->first;
	uint32_t at[2] = { 0, 0 }, added = 0, tried = 0;

	/* by turns; a family that has no more leaves its turns to the other */
	while (tried < 2 && added < most) {
		uint32_t *i = &at[turn == 6];

		*i = next_of(h, turn, *i);
		if (*i < h->nips && wanted(f, &h->ips[*i])) {
			add_target(o, &h->ips[(*i)++], host);
			added++;
			tried = 0;
		} else {
			tried++;
		}
		turn = turn == 4 ? 6 : 4;
	}
}

/* Those that are down go to the end, in their order. */
static void dead_last(
    struct site_order *o, uint16_t port, bool (*dead)(const struct ip *ip, uint16_t port))
{
	struct site_order down = { .n = 0 };
	unsigned alive = 0;

	for (unsigned i = 0; i < o->n; i++) {
		if (dead(&o->at[i].ip, port))
			down.at[down.n++] = o->at[i];
		else
			o->at[alive++] = o->at[i];
	}
	memcpy(o->at + alive, down.at, down.n * sizeof down.at[0]);
}

void site_order(const struct site *s, const struct families *f, uint64_t *seed,
    bool (*dead)(const struct ip *ip, uint16_t port), struct site_order *o)
{
	uint16_t preferences[MAIL_HOSTS_MAX], order[MAIL_HOSTS_MAX];
	uint32_t most = s->usable > 1 ? HOST_ADDRESSES_MAX : HOP_ADDRESSES_MAX;

	o->n = 0;
	for (uint32_t i = 0; i < s->usable; i++)
		preferences[i] = s->mail.hosts[i].preference;
	mx_order(preferences, s->usable, seed, order);
	for (uint32_t i = 0; i < s->usable; i++)
		add_host(o, &s->mail.hosts[order[i]], order[i], f, most);
	dead_last(o, s->port, dead);
}

/* --- finding --------------------------------------------------------------------------------- */

static struct site *site_new(const struct nexthop *h, enum hop_source source)
{
	struct site *s = xcalloc(1, sizeof *s);

	s->refs = 1;
	arena_init(&s->arena);
	s->source = source;
	s->port = h->port;
	s->mail.why = STR_NONE;
	return s;
}

void site_release(struct site *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	arena_clear(&s->arena);
	free(s);
}

/* One host whose addresses are in the settings, or in the next hop itself. */
static struct site *site_fixed(
    const struct nexthop *h, enum hop_source source, const struct ip *ips, uint32_t n)
{
	struct site *s = site_new(h, source);
	struct mail_host *host = arena_alloc(&s->arena, sizeof *host);

	host->name = arena_str(&s->arena, str_of(h->host));
	host->canonical = STR_NONE;
	host->status = DNS_OK;
	host->ips = arena_array(&s->arena, n, sizeof *host->ips);
	if (n > 0)
		memcpy(host->ips, ips, n * sizeof *ips);
	host->nips = n;
	s->mail.hosts = host;
	s->mail.nhosts = 1;
	s->until = loop_now() + KEEP_MAX_S * UINT64_C(1000);
	return s;
}

/* What DNS cannot be asked for does not exist. */
static struct site *site_nowhere(const struct nexthop *h)
{
	struct site *s = site_new(h, HOP_MX);

	s->mail.status = DNS_NXDOMAIN;
	return s;
}

static struct site *keep(struct site_finder *f, struct site *s)
{
	site_judge(s, f->hop);
	site_release(f->known);
	return f->known = s;
}

static void deliver_now(void *arg)
{
	struct site_wait *w = arg;
	struct site *s = w->found;

	w->found = NULL;
	w->done(w->arg, s);
}

static void hand_out(struct site_wait *w, struct site *s)
{
	s->refs++;
	w->found = s;
	timer_set(&w->now, 0, deliver_now, w);
}

static void on_reply(struct ask *a, struct ipc_msg *m)
{
	struct site_finder *f = a->arg;
	struct site *s = site_new(f->hop, nexthop_by_mx(f->hop, f->transport) ? HOP_MX : HOP_HOST);
	struct site_wait *w;
	struct get g;

	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || m->type != RESOLVE_MAIL || get_mail_reply(&g, &s->arena, &s->mail) == -1)
		s->mail = (struct mail_reply){ .status = DNS_TEMPORARY,
			.why = STR("the resolver does not answer") };
	s->until =
	    loop_now() + (s->mail.ttl < KEEP_MAX_S ? s->mail.ttl : KEEP_MAX_S) * UINT64_C(1000);
	keep(f, s);
	while ((w = TAILQ_FIRST(&f->waiters)) != NULL) {
		TAILQ_REMOVE(&f->waiters, w, next);
		w->finder = NULL;
		hand_out(w, s);
	}
}

static void ask(struct site_finder *f, uint64_t trace)
{
	struct mail_question q = { .trace = trace,
		.domain = str_of(f->hop->host),
		.host = !nexthop_by_mx(f->hop, f->transport) };
	struct put w = put_start();

	put_mail_question(&w, &q);
	chan_ask(
	    proc_peer(ROLE_RESOLVER), &f->ask, RESOLVE_MAIL, &w, NULL, 0, RESOLVE_MS, on_reply, f);
}

void site_finder_init(struct site_finder *f, const struct nexthop *hop, uint8_t transport)
{
	*f = (struct site_finder){ .hop = hop, .transport = transport };
	TAILQ_INIT(&f->waiters);
}

void site_finder_clear(struct site_finder *f)
{
	ask_cancel(&f->ask);
	site_release(f->known);
	f->known = NULL;
}

void site_find(struct site_finder *f, struct site_wait *w, uint64_t trace,
    void (*done)(void *arg, struct site *s), void *arg)
{
	const struct nexthop *h = f->hop;
	const struct addresses *fixed = nexthop_static(h->host);

	*w = (struct site_wait){ .done = done, .arg = arg };
	if (f->known == NULL || f->known->until <= loop_now()) {
		if (nexthop_path(h).n > 0)
			keep(f, site_fixed(h, HOP_SOCKET, NULL, 0));
		else if (h->ip.family != 0)
			keep(f, site_fixed(h, HOP_LITERAL, &h->ip, 1));
		else if (fixed != NULL)
			keep(f, site_fixed(h, HOP_STATIC, fixed->ip, fixed->n));
	}
	if (f->known != NULL && f->known->until > loop_now()) {
		hand_out(w, f->known);
		return;
	}
	if (!dns_name_valid(str_of(h->host))) {
		hand_out(w, keep(f, site_nowhere(h)));
		return;
	}
	w->finder = f;
	TAILQ_INSERT_TAIL(&f->waiters, w, next);
	if (!f->ask.deadline.armed) /* nobody has asked yet */
		ask(f, trace);
}

void site_find_cancel(struct site_wait *w)
{
	if (w->finder != NULL)
		TAILQ_REMOVE(&w->finder->waiters, w, next);
	w->finder = NULL;
	timer_clear(&w->now);
	site_release(w->found);
	w->found = NULL;
}
