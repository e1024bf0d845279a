/* Questions to services/resolver and their answers. See resolve.h. */
#include "proto/resolve.h"

_Static_assert(
    MAIL_HOSTS_MAX *(2 * DNS_NAME_MAX + 32) + MAIL_HOSTS_ASKED * MAIL_ADDRESSES_MAX * 17 <
	IPC_BODY_MAX - 1024,
    "must fit");
_Static_assert(RESOLVE_TYPES_MAX *(RESOLVE_BYTES_MAX + 1024) < IPC_BODY_MAX - 1024, "must fit");

static uint8_t get_enum(struct get *g, uint8_t max)
{
	uint8_t v = get_u8(g);

	if (v >= max)
		g->bad = true;
	return g->bad ? 0 : v;
}

void put_ip(struct put *w, const struct ip *ip)
{
	put_u8(w, ip->family);
	put_str(w, str_bytes(ip->bytes, ip->family == 4 ? 4 : ip->family == 6 ? 16 : 0));
}

void get_ip(struct get *g, struct ip *ip)
{
	struct str bytes;

	*ip = (struct ip){ .family = get_u8(g) };
	bytes = get_str(g, sizeof ip->bytes);
	if (bytes.n != (ip->family == 4      ? 4u
			   : ip->family == 6 ? 16u
					     : 0u) ||
	    (ip->family != 0 && ip->family != 4 && ip->family != 6))
		g->bad = true;
	for (size_t i = 0; !g->bad && i < bytes.n; i++)
		ip->bytes[i] = (uint8_t)bytes.p[i];
}

/* --- records --------------------------------------------------------------------------------- */

void put_resolve_question(struct put *w, const struct resolve_question *q)
{
	put_u64(w, q->trace);
	put_str(w, q->name);
	put_u8(w, q->ntypes);
	for (unsigned i = 0; i < q->ntypes; i++)
		put_u16(w, q->types[i]);
}

int get_resolve_question(struct get *g, struct resolve_question *q)
{
	q->trace = get_u64(g);
	q->name = get_line(g, DNS_NAME_MAX);
	q->ntypes = get_enum(g, RESOLVE_TYPES_MAX + 1);
	for (unsigned i = 0; i < q->ntypes; i++) {
		q->types[i] = get_u16(g);
		if (dns_type_name(q->types[i])[0] == '?')
			g->bad = true;
	}
	if (q->ntypes == 0 || !dns_name_valid(q->name))
		g->bad = true;
	return get_end(g);
}

static void put_record(struct put *w, const struct dns_record *r)
{
	put_u16(w, r->preference);
	put_u8(w, r->usage);
	put_u8(w, r->selector);
	put_u8(w, r->matching);
	put_ip(w, &r->ip);
	put_str(w, r->text);
}

static void get_record(struct get *g, struct arena *a, struct dns_record *r)
{
	r->preference = get_u16(g);
	r->usage = get_u8(g);
	r->selector = get_u8(g);
	r->matching = get_u8(g);
	get_ip(g, &r->ip);
	r->text = arena_str(a, get_str(g, RESOLVE_BYTES_MAX));
}

/* One that is too large leaves its place to others. */
static bool fits(const struct dns_record *r, size_t *left)
{
	enum { RECORD = 32 }; /* bytes of one besides its text */

	if (RECORD + r->text.n > *left)
		return false;
	*left -= RECORD + r->text.n;
	return true;
}

static void put_answer(struct put *w, const struct dns_answer *a)
{
	uint32_t n = 0;
	size_t left = RESOLVE_BYTES_MAX;

	for (uint32_t i = 0; i < a->nrecords; i++)
		n += fits(&a->records[i], &left);
	put_u16(w, a->type);
	put_u8(w, a->status);
	put_u8(w, a->security);
	put_u32(w, a->ttl);
	put_str(w, a->canonical);
	put_u8(w, a->more || n < a->nrecords);
	put_u32(w, n);
	left = RESOLVE_BYTES_MAX;
	for (uint32_t i = 0; i < a->nrecords; i++)
		if (fits(&a->records[i], &left))
			put_record(w, &a->records[i]);
}

static void get_answer(struct get *g, struct arena *a, struct dns_answer *out)
{
	*out = (struct dns_answer){ .type = get_u16(g) };
	out->status = get_enum(g, DNS_STATUSES);
	out->security = get_enum(g, DNS_SECURITIES);
	out->ttl = get_u32(g);
	out->canonical = arena_str(a, get_line(g, DNS_NAME_MAX));
	out->more = get_bool(g);
	out->nrecords = get_u32(g);
	if (out->nrecords > DNS_RECORDS_MAX)
		g->bad = true;
	if (g->bad)
		out->nrecords = 0;
	out->records = arena_array(a, out->nrecords, sizeof *out->records);
	for (uint32_t i = 0; i < out->nrecords; i++)
		get_record(g, a, &out->records[i]);
}

void put_resolve_reply(struct put *w, const struct resolve_reply *r)
{
	put_u8(w, r->n);
	for (unsigned i = 0; i < r->n; i++)
		put_answer(w, &r->answers[i]);
	put_str(w, str_take(r->why, RESOLVE_WHY_MAX));
}

int get_resolve_reply(struct get *g, struct arena *a, struct resolve_reply *r)
{
	r->n = get_enum(g, RESOLVE_TYPES_MAX + 1);
	for (unsigned i = 0; i < r->n; i++)
		get_answer(g, a, &r->answers[i]);
	r->why = arena_str(a, get_line(g, RESOLVE_WHY_MAX));
	return get_end(g);
}

/* --- clients --------------------------------------------------------------------------------- */

void put_client_question(struct put *w, const struct client_question *q)
{
	put_u64(w, q->trace);
	put_ip(w, &q->ip);
	put_u8(w, q->name);
	put_u8(w, q->lists);
}

int get_client_question(struct get *g, struct client_question *q)
{
	q->trace = get_u64(g);
	get_ip(g, &q->ip);
	q->name = get_bool(g);
	q->lists = get_bool(g);
	if (q->ip.family == 0)
		g->bad = true;
	return get_end(g);
}

void put_client_reply(struct put *w, const struct client_reply *r)
{
	put_u8(w, r->name_status);
	put_str(w, r->name);
	put_str(w, r->reverse);
	put_str(w, r->list);
	put_ip(w, &r->list_code);
	put_str(w, str_take(r->list_text, LIST_TEXT_MAX));
	put_u8(w, r->list_failed);
}

int get_client_reply(struct get *g, struct client_reply *r)
{
	r->name_status = get_enum(g, DNS_STATUSES);
	r->name = get_line(g, DNS_NAME_MAX);
	r->reverse = get_line(g, DNS_NAME_MAX);
	r->list = get_line(g, DNS_NAME_MAX);
	get_ip(g, &r->list_code);
	r->list_text = get_str(g, LIST_TEXT_MAX);
	r->list_failed = get_bool(g);
	if ((r->name.n > 0) != (r->name_status == DNS_OK) ||
	    (r->name.n > 0 && !dns_name_valid(r->name)))
		g->bad = true;
	return get_end(g);
}

/* --- mail ------------------------------------------------------------------------------------ */

void put_mail_question(struct put *w, const struct mail_question *q)
{
	put_u64(w, q->trace);
	put_str(w, q->domain);
	put_u8(w, q->host);
}

int get_mail_question(struct get *g, struct mail_question *q)
{
	q->trace = get_u64(g);
	q->domain = get_line(g, DNS_NAME_MAX);
	q->host = get_bool(g);
	if (!dns_name_valid(q->domain))
		g->bad = true;
	return get_end(g);
}

static void put_host(struct put *w, const struct mail_host *h)
{
	put_u16(w, h->preference);
	put_str(w, h->name);
	put_u8(w, h->status);
	put_u8(w, h->security);
	put_u8(w, h->unasked);
	put_str(w, h->canonical);
	put_u8(w, h->alias);
	put_u32(w, h->nips);
	for (uint32_t i = 0; i < h->nips; i++)
		put_ip(w, &h->ips[i]);
}

/* A next hop may be an address, which then is its name, too. */
static bool is_host(struct str name)
{
	struct ip ip;

	return dns_name_valid(name) || ip_parse(name, &ip) == 0;
}

static void get_host(struct get *g, struct arena *a, struct mail_host *h)
{
	h->preference = get_u16(g);
	h->name = arena_str(a, get_line(g, DNS_NAME_MAX));
	h->status = get_enum(g, DNS_STATUSES);
	h->security = get_enum(g, DNS_SECURITIES);
	h->unasked = get_bool(g);
	h->canonical = arena_str(a, get_line(g, DNS_NAME_MAX));
	h->alias = get_enum(g, DNS_SECURITIES);
	h->nips = get_u32(g);
	if (h->nips > MAIL_ADDRESSES_MAX || !is_host(h->name) ||
	    (h->status == DNS_OK) != (h->nips > 0))
		g->bad = true;
	if (g->bad)
		h->nips = 0;
	h->ips = arena_array(a, h->nips, sizeof *h->ips);
	for (uint32_t i = 0; i < h->nips; i++) {
		get_ip(g, &h->ips[i]);
		if (h->ips[i].family == 0)
			g->bad = true;
	}
}

void put_mail_reply(struct put *w, const struct mail_reply *r)
{
	put_u8(w, r->status);
	put_u8(w, r->security);
	put_u8(w, r->implicit);
	put_u8(w, r->null);
	put_u32(w, r->ttl);
	put_str(w, str_take(r->why, RESOLVE_WHY_MAX));
	put_u32(w, r->nhosts);
	for (uint32_t i = 0; i < r->nhosts; i++)
		put_host(w, &r->hosts[i]);
}

int get_mail_reply(struct get *g, struct arena *a, struct mail_reply *r)
{
	r->status = get_enum(g, DNS_STATUSES);
	r->security = get_enum(g, DNS_SECURITIES);
	r->implicit = get_bool(g);
	r->null = get_bool(g);
	r->ttl = get_u32(g);
	r->why = arena_str(a, get_line(g, RESOLVE_WHY_MAX));
	r->nhosts = get_u32(g);
	if (r->nhosts > MAIL_HOSTS_MAX)
		g->bad = true;
	if (g->bad)
		r->nhosts = 0;
	r->hosts = arena_array(a, r->nhosts, sizeof *r->hosts);
	for (uint32_t i = 0; i < r->nhosts; i++)
		get_host(g, a, &r->hosts[i]);
	return get_end(g);
}
