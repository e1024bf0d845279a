/* Where mail goes. See mail.h. */
#include "mail.h"

#include "net/mx.h"

static uint64_t order_seed;

void mail_seed(uint64_t seed)
{
	order_seed = seed;
}

/* --- addresses ------------------------------------------------------------------------------- */

static uint8_t weaker(uint8_t a, uint8_t b)
{
	if (a == DNS_FORGED || b == DNS_FORGED)
		return DNS_FORGED;
	return a < b ? a : b;
}

/* Of the addresses, if there are any: a family of which nothing came does not count against them. */
static uint8_t security_of(const struct dns_answer *four, const struct dns_answer *six)
{
	if ((four->nrecords == 0) == (six->nrecords == 0))
		return weaker(four->security, six->security);
	return four->nrecords > 0 ? four->security : six->security;
}

/* The one that matters of two answers of which none has an address. */
static uint8_t worse(uint8_t a, uint8_t b)
{
	if (!dns_empty(a))
		return a;
	return !dns_empty(b) ? b : a == DNS_NXDOMAIN ? a : b;
}

static uint32_t take_ips(struct mail_host *h, const struct dns_answer *a, uint32_t max)
{
	uint32_t n = 0;

	while (n < a->nrecords && n < max)
		h->ips[h->nips++] = a->records[n++].ip;
	return n;
}

/* Both families get room. */
static void collect_ips(struct mail_host *h, const struct dns_answer *six,
    const struct dns_answer *four, struct arena *a)
{
	uint32_t kept =
	    four->nrecords < MAIL_ADDRESSES_MAX / 2 ? four->nrecords : MAIL_ADDRESSES_MAX / 2;

	h->ips = arena_array(a, MAIL_ADDRESSES_MAX, sizeof *h->ips);
	take_ips(h, six, MAIL_ADDRESSES_MAX - kept);
	take_ips(h, four, MAIL_ADDRESSES_MAX - h->nips);
}

static void least_ttl(struct mail_search *s, const struct dns_answer *a)
{
	uint32_t ttl = a->status == DNS_OK || dns_empty(a->status) ? a->ttl : 0;

	if (ttl < s->reply.ttl)
		s->reply.ttl = ttl;
}

static void note_why(struct mail_search *s, const struct query *q)
{
	if (s->reply.why.n == 0)
		s->reply.why = q->why;
}

static void host_known(struct host_search *hs)
{
	const struct dns_answer *four = &hs->four.answer, *six = &hs->six.answer;
	struct mail_host *h = hs->host;
	struct mail_search *s = hs->search;

	collect_ips(h, six, four, s->arena);
	h->status = h->nips > 0 ? DNS_OK : worse(four->status, six->status);
	h->security = security_of(four, six);
	h->canonical = six->canonical.n > 0 ? six->canonical : four->canonical;
	least_ttl(s, four);
	least_ttl(s, six);
	note_why(s, &hs->four);
	note_why(s, &hs->six);
}

static void one_less(struct mail_search *s)
{
	if (--s->pending == 0)
		s->done(s);
}

static void on_alias(struct query *q)
{
	struct host_search *hs = q->arg;

	/* it was there a moment ago: without an answer, nobody may act as if it were insecure */
	hs->host->alias = q->answer.status == DNS_OK ? q->answer.security : DNS_FORGED;
	one_less(hs->search);
}

static void on_address(struct query *q)
{
	struct host_search *hs = q->arg;

	if (hs->four.flight != NULL || hs->six.flight != NULL || hs->six.name.n == 0)
		return; /* the other one is still to come */
	host_known(hs);
	if (hs->host->canonical.n > 0 && hs->host->security != DNS_SECURE)
		library_ask(&hs->alias, hs->host->name, DNS_CNAME, hs->search->arena, on_alias, hs);
	else
		one_less(hs->search);
}

static void ask_hosts(struct mail_search *s)
{
	s->asked = s->reply.nhosts < MAIL_HOSTS_ASKED ? s->reply.nhosts : MAIL_HOSTS_ASKED;
	s->hosts = arena_array(s->arena, s->asked, sizeof *s->hosts);
	for (uint32_t i = s->asked; i < s->reply.nhosts; i++) {
		s->reply.hosts[i].status = DNS_TEMPORARY;
		s->reply.hosts[i].unasked = true;
	}
	/* answers may come from within: the search itself counts until all are asked */
	s->pending = s->asked + 1;
	for (uint32_t i = 0; i < s->asked; i++) {
		struct host_search *hs = &s->hosts[i];

		hs->search = s;
		hs->host = &s->reply.hosts[i];
		library_ask(&hs->four, hs->host->name, DNS_A, s->arena, on_address, hs);
		library_ask(&hs->six, hs->host->name, DNS_AAAA, s->arena, on_address, hs);
	}
	one_less(s);
}

/* --- MX records ------------------------------------------------------------------------------ */

static void only_host(struct mail_search *s)
{
	s->reply.hosts = arena_alloc(s->arena, sizeof *s->reply.hosts);
	s->reply.hosts[0].name = s->domain;
	s->reply.nhosts = 1;
	ask_hosts(s);
}

/* RFC 7505: one record, and it names the root. Beside others it means nothing. */
static uint32_t leave_out_root(struct dns_record *r, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!str_eq(r[i].text, STR(".")))
			r[kept++] = r[i];
	return kept;
}

static void take_hosts(struct mail_search *s, struct dns_record *r, uint32_t n)
{
	uint16_t *preferences = arena_array(s->arena, n, sizeof *preferences);
	uint16_t *order = arena_array(s->arena, n, sizeof *order);
	struct mail_reply *reply = &s->reply;

	for (uint32_t i = 0; i < n; i++)
		preferences[i] = r[i].preference;
	mx_order(preferences, n, &order_seed, order);
	reply->nhosts = n < MAIL_HOSTS_MAX ? n : MAIL_HOSTS_MAX;
	reply->hosts = arena_array(s->arena, reply->nhosts, sizeof *reply->hosts);
	for (uint32_t i = 0; i < reply->nhosts; i++) {
		reply->hosts[i].preference = preferences[order[i]];
		reply->hosts[i].name = r[order[i]].text;
	}
}

static void on_mx(struct query *q)
{
	struct mail_search *s = q->arg;
	struct dns_answer *a = &q->answer;
	uint32_t n = a->nrecords;

	s->reply.status = a->status;
	s->reply.security = a->security;
	least_ttl(s, a);
	note_why(s, q);
	if (a->status == DNS_NODATA) {
		s->reply.implicit = true;
		only_host(s);
		return;
	}
	if (a->status == DNS_OK)
		n = leave_out_root(a->records, n);
	if (a->status != DNS_OK || n == 0) {
		s->reply.null = a->status == DNS_OK;
		s->done(s);
		return;
	}
	take_hosts(s, a->records, n);
	ask_hosts(s);
}

void mail_search(struct mail_search *s, const struct mail_question *q, struct arena *a,
    void (*done)(struct mail_search *s))
{
	*s = (struct mail_search){ .arena = a, .domain = q->domain, .done = done };
	s->reply.ttl = UINT32_MAX;
	s->reply.why = STR_NONE;
	if (q->host) {
		s->reply.security = DNS_INDETERMINATE;
		only_host(s);
	} else {
		library_ask(&s->mx, q->domain, DNS_MX, a, on_mx, s);
	}
}

static void give_up(struct query *q)
{
	if (q->flight != NULL)
		q->answer = (struct dns_answer){ .status = DNS_TEMPORARY, .canonical = STR_NONE };
	library_forget(q);
}

void mail_search_stop(struct mail_search *s)
{
	if (s->mx.flight != NULL)
		s->reply.status = DNS_TEMPORARY;
	give_up(&s->mx);
	for (uint32_t i = 0; i < s->asked; i++) {
		struct host_search *hs = &s->hosts[i];
		bool open = hs->four.flight != NULL || hs->six.flight != NULL;

		give_up(&hs->four);
		give_up(&hs->six);
		if (hs->alias.flight != NULL)
			hs->host->alias = DNS_FORGED;
		library_forget(&hs->alias);
		if (open)
			host_known(hs);
	}
	s->reply.ttl = 0;
}
