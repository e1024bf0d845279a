/* Jobs from the queue to deliver-maildir and deliver-remote. See deliver.h. */
#include "proto/deliver.h"

enum {
	RCPT_WIRE_MIN = 30, /* a recipient with empty strings: bounds the count before allocating */
	RESULT_WIRE_MIN = 20,
	SOURCE_HELO_MAX = 255,
	NOTIFY_ALL = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY,
};

static void put_job_rcpt(struct put *w, const struct deliver_rcpt *r)
{
	put_u32(w, r->slot);
	put_str(w, r->addr);
	put_str(w, r->orcpt);
	put_u8(w, r->notify);
	put_u8(w, r->maybe);
	put_str(w, r->home);
	put_str(w, r->folder);
	put_u32(w, r->uid);
	put_u32(w, r->gid);
}

static void get_job_rcpt(struct get *g, struct arena *a, struct deliver_rcpt *r)
{
	r->slot = get_u32(g);
	r->addr = arena_str(a, get_line(g, ADDRESS_MAX));
	r->orcpt = arena_str(a, get_line(g, ORCPT_MAX));
	r->notify = get_u8(g);
	r->maybe = get_bool(g);
	r->home = arena_str(a, get_line(g, HOME_MAX));
	r->folder = arena_str(a, get_line(g, HOME_MAX));
	r->uid = get_u32(g);
	r->gid = get_u32(g);
	if (r->addr.n == 0 || (r->notify & ~NOTIFY_ALL) != 0)
		g->bad = true;
}

static void put_source(struct put *w, const struct deliver_source *s)
{
	put_str(w, s->name);
	if (s->name.n == 0)
		return;
	put_str(w, s->helo);
	for (int i = 0; i < 2; i++) {
		put_u8(w, s->ip[i].family != 0);
		if (s->ip[i].family != 0)
			put_ip(w, &s->ip[i]);
	}
}

static void get_source(struct get *g, struct arena *a, struct deliver_source *s)
{
	*s = (struct deliver_source){ .name = arena_str(a, get_line(g, SOURCE_NAME_MAX)) };
	if (s->name.n == 0)
		return;
	s->helo = arena_str(a, get_line(g, SOURCE_HELO_MAX));
	for (int i = 0; i < 2; i++) {
		if (get_bool(g))
			get_ip(g, &s->ip[i]);
		if (s->ip[i].family != 0 && s->ip[i].family != (i == 0 ? 4 : 6))
			g->bad = true;
	}
}

void put_job(struct put *w, const struct deliver_job *j)
{
	put_u64(w, j->trace);
	put_u64(w, j->id);
	put_i64(w, j->arrival);
	put_u8(w, j->transport);
	put_str(w, j->way);
	put_source(w, &j->source);
	put_ticket(w, &j->ticket);
	put_str(w, j->sender);
	put_str(w, j->envid);
	put_u8(w, j->ret);
	put_u8(w, j->eightbit);
	put_u8(w, j->utf8);
	put_u64(w, j->body_offset);
	put_u64(w, j->body_size);
	put_edits(w, j->edits, j->nedits);
	put_u32(w, j->nrcpts);
	for (uint32_t i = 0; i < j->nrcpts; i++)
		put_job_rcpt(w, &j->rcpts[i]);
}

static int get_job_head(struct get *g, struct arena *a, struct deliver_job *j)
{
	*j = (struct deliver_job){ 0 };
	j->trace = get_u64(g);
	j->id = get_u64(g);
	j->arrival = get_i64(g);
	j->transport = get_u8(g);
	j->way = arena_str(a, get_str(g, WAY_MAX));
	get_source(g, a, &j->source);
	get_ticket(g, &j->ticket);
	j->sender = arena_str(a, get_line(g, ADDRESS_MAX));
	j->envid = arena_str(a, get_line(g, ENVID_MAX));
	j->ret = get_u8(g);
	j->eightbit = get_bool(g);
	j->utf8 = get_bool(g);
	j->body_offset = get_u64(g);
	j->body_size = get_u64(g);
	if (j->transport >= TRANSPORT_MAX || j->ret > RET_HDRS || j->body_offset > INT64_MAX ||
	    j->body_size > (uint64_t)INT64_MAX - j->body_offset)
		g->bad = true;
	return get_ok(g);
}

int get_job(struct get *g, struct arena *a, struct deliver_job *j)
{
	uint32_t n;

	if (get_job_head(g, a, j) == -1 || get_edits(g, a, &j->edits, &j->nedits) == -1)
		return -1;
	n = get_u32(g);
	if (g->bad || n == 0 || n > JOB_RCPTS || (size_t)(g->end - g->p) / RCPT_WIRE_MIN < n)
		return -1;
	j->rcpts = arena_array(a, n, sizeof *j->rcpts);
	j->nrcpts = n;
	for (uint32_t i = 0; i < n; i++)
		get_job_rcpt(g, a, &j->rcpts[i]);
	return get_end(g);
}

const char *fault_name(uint8_t fault)
{
	static const char *const names[FAULTS] = { "other", "reply", "greylisting", "lost", "busy",
		"dns", "connect", "tls" };

	return fault < FAULTS ? names[fault] : "?";
}

void put_results(struct put *w, const struct deliver_results *all)
{
	put_str(w, all->reaction);
	put_str(w, str_take(all->reply, REACTION_REPLY_MAX));
	put_str(w, all->transcript);
	put_u32(w, all->n);
	for (uint32_t i = 0; i < all->n; i++) {
		const struct deliver_result *r = &all->at[i];

		put_u32(w, r->slot);
		put_status(w, &r->status);
		put_str(w, r->relay);
		put_u8(w, r->hop);
		put_str(w, r->tls);
		put_u8(w, r->fault);
		put_u8(w, r->reused);
		put_u8(w, r->dsn);
	}
}

static void get_result(struct get *g, struct arena *a, struct deliver_result *r)
{
	r->slot = get_u32(g);
	get_status(g, &r->status);
	r->relay = arena_str(a, get_line(g, RELAY_MAX));
	r->hop = get_u8(g);
	r->tls = arena_str(a, get_line(g, RESULT_TLS_MAX));
	r->fault = get_u8(g);
	r->reused = get_bool(g);
	r->dsn = get_bool(g);
	if (r->status.code == 0 || r->fault >= FAULTS || r->hop >= WAY_HOPS)
		g->bad = true;
}

int get_results(struct get *g, struct arena *a, struct deliver_results *r)
{
	r->reaction = arena_str(a, get_line(g, REACTION_NAME_MAX));
	r->reply = arena_str(a, get_line(g, REACTION_REPLY_MAX));
	r->transcript = arena_str(a, get_str(g, TRANSCRIPT_MAX));
	r->n = get_u32(g);
	if (g->bad || r->n == 0 || r->n > JOB_RCPTS ||
	    (size_t)(g->end - g->p) / RESULT_WIRE_MIN < r->n)
		return -1;
	r->at = arena_array(a, r->n, sizeof *r->at);
	for (uint32_t i = 0; i < r->n; i++)
		get_result(g, a, &r->at[i]);
	return get_end(g);
}

/* --- explaining ------------------------------------------------------------------------------ */

void put_hop_question(struct put *w, const struct hop_question *q)
{
	put_u64(w, q->trace);
	put_u8(w, q->transport);
	put_way_hop(w, &q->hop);
}

int get_hop_question(struct get *g, struct hop_question *q)
{
	q->trace = get_u64(g);
	q->transport = get_u8(g);
	get_way_hop(g, &q->hop);
	if (q->transport != TRANSPORT_SMTP && q->transport != TRANSPORT_LMTP)
		g->bad = true;
	return get_end(g);
}

void put_reply_question(struct put *w, const struct reply_question *q)
{
	put_str(w, q->destination);
	put_str(w, q->reply);
}

int get_reply_question(struct get *g, struct reply_question *q)
{
	q->destination = get_line(g, NEXTHOP_MAX);
	q->reply = get_line(g, STATUS_TEXT_MAX);
	return get_end(g);
}

void put_reply_verdict(struct put *w, const struct reply_verdict *v)
{
	put_str(w, v->rule);
	put_str(w, v->where);
	put_str(w, v->action);
	put_u8(w, v->temporary);
	put_str(w, v->why);
}

int get_reply_verdict(struct get *g, struct reply_verdict *v)
{
	v->rule = get_line(g, REACTION_NAME_MAX);
	v->where = get_line(g, STATUS_TEXT_MAX);
	v->action = get_line(g, REACTION_NAME_MAX);
	v->temporary = get_bool(g);
	v->why = get_line(g, STATUS_TEXT_MAX);
	return get_end(g);
}

static void put_policy(struct put *w, const struct hop_policy *p)
{
	put_u32(w, p->host);
	put_status(w, &p->status);
	put_u8(w, p->source);
	put_u8(w, p->level);
	put_str(w, str_take(p->reason, HOP_REASON_MAX));
	put_str(w, p->base);
	put_u8(w, p->more);
	put_u32(w, p->nrecords);
	for (uint32_t i = 0; i < p->nrecords; i++) {
		const struct hop_record *x = &p->records[i];

		put_u8(w, x->usage);
		put_u8(w, x->selector);
		put_u8(w, x->matching);
		put_u8(w, x->usable);
		put_str(w, str_take(x->data, HOP_RECORD_DATA_MAX));
	}
}

static void get_policy(struct get *g, struct arena *a, struct hop_policy *p)
{
	p->host = get_u32(g);
	get_status(g, &p->status);
	p->source = get_u8(g);
	p->level = get_u8(g);
	p->reason = arena_str(a, get_line(g, HOP_REASON_MAX));
	p->base = arena_str(a, get_line(g, DNS_NAME_MAX));
	p->more = get_bool(g);
	p->nrecords = get_u32(g);
	if (p->source >= TLS_SOURCES || p->level >= TLS_LEVELS || p->nrecords > HOP_RECORDS_MAX)
		g->bad = true;
	if (g->bad)
		p->nrecords = 0;
	p->records = arena_array(a, p->nrecords, sizeof *p->records);
	for (uint32_t i = 0; i < p->nrecords; i++) {
		struct hop_record *x = &p->records[i];

		x->usage = get_u8(g);
		x->selector = get_u8(g);
		x->matching = get_u8(g);
		x->usable = get_bool(g);
		x->data = arena_str(a, get_str(g, HOP_RECORD_DATA_MAX));
	}
}

void put_hop_reply(struct put *w, const struct hop_reply *r)
{
	put_status(w, &r->status);
	put_u8(w, r->source);
	put_u16(w, r->port);
	put_u8(w, r->families.four);
	put_u8(w, r->families.six);
	put_u8(w, r->families.first);
	put_u32(w, r->usable);
	put_u32(w, r->ntries);
	for (uint32_t i = 0; i < r->ntries; i++) {
		put_ip(w, &r->tries[i].ip);
		put_u32(w, r->tries[i].host);
		put_u64(w, r->tries[i].dead_ms);
	}
	put_u32(w, r->npolicies);
	for (uint32_t i = 0; i < r->npolicies; i++)
		put_policy(w, &r->policies[i]);
	put_mail_reply(w, &r->mail);
}

int get_hop_reply(struct get *g, struct arena *a, struct hop_reply *r)
{
	get_status(g, &r->status);
	r->source = get_u8(g);
	r->port = get_u16(g);
	r->families.four = get_bool(g);
	r->families.six = get_bool(g);
	r->families.first = get_u8(g);
	r->usable = get_u32(g);
	r->ntries = get_u32(g);
	if (r->source >= HOP_SOURCES || r->ntries > HOP_TRIES_MAX)
		g->bad = true;
	if (g->bad)
		r->ntries = 0;
	r->tries = arena_array(a, r->ntries, sizeof *r->tries);
	for (uint32_t i = 0; i < r->ntries; i++) {
		get_ip(g, &r->tries[i].ip);
		r->tries[i].host = get_u32(g);
		r->tries[i].dead_ms = get_u64(g);
	}
	r->npolicies = get_u32(g);
	if (r->npolicies > HOP_POLICIES_MAX)
		g->bad = true;
	if (g->bad)
		r->npolicies = 0;
	r->policies = arena_array(a, r->npolicies, sizeof *r->policies);
	for (uint32_t i = 0; i < r->npolicies; i++)
		get_policy(g, a, &r->policies[i]);
	get_mail_reply(g, a, &r->mail); /* to the end */
	for (uint32_t i = 0; i < r->npolicies; i++)
		if (r->policies[i].host >= r->mail.nhosts)
			g->bad = true;
	for (uint32_t i = 0; i < r->ntries; i++)
		if (r->tries[i].host >= r->mail.nhosts)
			g->bad = true;
	if (r->usable > r->mail.nhosts)
		g->bad = true;
	return get_end(g);
}
