/* The records of the account database. See record.h. */
#include "record.h"

#include <string.h>

enum { VERSION = 2, FORMER_ENABLED = 1 };

static void put_bytes(struct put *w, const void *p, size_t n)
{
	put_str(w, str_bytes(p, n));
}

static void get_bytes(struct get *g, void *out, size_t n)
{
	struct str s = get_str(g, n);

	if (s.n == n)
		memcpy(out, s.p, n);
	else
		g->bad = true;
}

static void get_text(struct get *g, char *out, size_t size)
{
	if (str_copy(get_line(g, size - 1), out, size) == -1)
		g->bad = true;
}

static void put_scram(struct put *w, const struct scram_keys *k)
{
	put_u32(w, k->iterations);
	if (k->iterations == 0)
		return;
	put_bytes(w, k->salt, sizeof k->salt);
	for (unsigned i = 0; i < SCRAM_HASHES; i++) {
		put_bytes(w, k->hashes[i].stored, scram_size(i));
		put_bytes(w, k->hashes[i].server, scram_size(i));
	}
}

static void get_scram(struct get *g, struct scram_keys *k)
{
	*k = (struct scram_keys){ .iterations = get_u32(g) };
	if (k->iterations == 0)
		return;
	get_bytes(g, k->salt, sizeof k->salt);
	for (unsigned i = 0; i < SCRAM_HASHES; i++) {
		get_bytes(g, k->hashes[i].stored, scram_size(i));
		get_bytes(g, k->hashes[i].server, scram_size(i));
	}
}

static void put_app(struct put *w, const struct app_password *a)
{
	put_z(w, a->id);
	put_z(w, a->name);
	put_u8(w, a->scopes);
	put_i64(w, a->created);
	put_i64(w, a->expires);
	put_bytes(w, a->hash, sizeof a->hash);
}

static void get_app(struct get *g, struct app_password *a)
{
	get_text(g, a->id, sizeof a->id);
	get_text(g, a->name, sizeof a->name);
	a->scopes = get_u8(g);
	a->created = get_i64(g);
	a->expires = get_i64(g);
	get_bytes(g, a->hash, sizeof a->hash);
}

void put_record(struct put *w, const struct account_record *r)
{
	put_u8(w, VERSION);
	put_u32(w, r->flags);
	put_u32(w, r->uid);
	put_u32(w, r->gid);
	put_u64(w, r->quota);
	put_i64(w, r->created);
	put_z(w, r->home);
	put_z(w, r->hash);
	put_scram(w, &r->scram);
	put_u32(w, r->per_hour);
	put_u32(w, r->per_day);
	put_z(w, r->senders);
	put_u8(w, (uint8_t)r->napps);
	for (unsigned i = 0; i < r->napps; i++)
		put_app(w, &r->apps[i]);
}

/* Version 1: {u8 state, bool enabled, uid, gid, quota, created, home, hash}. */
static int get_former(struct get *g, struct account_record *r)
{
	uint8_t making = get_u8(g);

	r->flags = making != FORMER_ENABLED ? ACCOUNT_MAKING : 0;
	r->flags |= get_bool(g) ? 0 : ACCOUNT_DISABLED;
	r->uid = get_u32(g);
	r->gid = get_u32(g);
	r->quota = get_u64(g);
	r->created = get_i64(g);
	get_text(g, r->home, sizeof r->home);
	get_text(g, r->hash, sizeof r->hash);
	return get_end(g);
}

static int get_current(struct get *g, struct account_record *r)
{
	r->flags = get_u32(g);
	r->uid = get_u32(g);
	r->gid = get_u32(g);
	r->quota = get_u64(g);
	r->created = get_i64(g);
	get_text(g, r->home, sizeof r->home);
	get_text(g, r->hash, sizeof r->hash);
	get_scram(g, &r->scram);
	r->per_hour = get_u32(g);
	r->per_day = get_u32(g);
	get_text(g, r->senders, sizeof r->senders);
	r->napps = get_u8(g);
	if (r->napps > APPS_MAX)
		return -1;
	for (unsigned i = 0; i < r->napps; i++)
		get_app(g, &r->apps[i]);
	return get_end(g);
}

int get_record(struct str address, struct str bytes, struct account_record *r)
{
	struct get g = get_start(bytes);
	uint8_t version = get_u8(&g);

	*r = (struct account_record){ 0 };
	if (str_copy(address, r->address, sizeof r->address) == -1)
		return -1;
	if (version == 1)
		return get_former(&g, r);
	return version == VERSION ? get_current(&g, r) : -1;
}

struct account account_of(const struct account_record *r)
{
	return (struct account){ .address = str_of(r->address),
		.home = str_of(r->home),
		.uid = r->uid,
		.gid = r->gid,
		.quota = r->quota,
		.enabled = (r->flags & ACCOUNT_DISABLED) == 0,
		.may_submit = (r->flags & (ACCOUNT_DISABLED | ACCOUNT_NO_SMTP)) == 0,
		.per_hour = r->per_hour,
		.per_day = r->per_day,
		.senders = str_of(r->senders) };
}

void put_domain(struct put *w, const struct domain_record *d)
{
	put_u8(w, VERSION);
	put_u32(w, d->flags);
}

int get_domain(struct str bytes, struct domain_record *d)
{
	struct get g = get_start(bytes);

	if (get_u8(&g) != VERSION)
		return -1;
	d->flags = get_u32(&g);
	return get_end(&g);
}

void put_alias(struct put *w, struct str targets)
{
	put_u8(w, VERSION);
	put_str(w, targets);
}

int get_alias(struct str bytes, struct str *targets)
{
	struct get g = get_start(bytes);

	if (get_u8(&g) != VERSION)
		return -1;
	*targets = get_line(&g, TARGETS_TEXT_MAX);
	return get_end(&g);
}
