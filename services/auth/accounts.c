/* Accounts, domains and aliases. See accounts.h. */
#include "accounts.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "home.h"

enum { TURNS_MAX = 1000 /* how often one address may be given anew */ };

/* --- records --------------------------------------------------------------------------------- */

static enum db_result load(enum db_table t, const char *address, struct account_record *out)
{
	struct str value;
	enum db_result r = db_get(t, str_of(address), &value);

	if (r == DB_OK && get_record(str_of(address), value, out) == -1)
		return DB_FAULT;
	return r;
}

enum db_result accounts_find(const char *address, struct account_record *out)
{
	enum db_result r = load(DB_ACCOUNTS, address, out);

	return r == DB_OK && (out->flags & ACCOUNT_MAKING) != 0 ? DB_MISSING : r;
}

static struct str bytes_of(const struct account_record *r, uint8_t space[RECORD_MAX])
{
	struct put w = put_into(space, RECORD_MAX);

	put_record(&w, r);
	assert(!w.bad);
	return put_view(&w);
}

/* A fault within a batch spoils the whole of it. */
static enum db_result within(enum db_result r)
{
	if (r == DB_FAULT)
		db_spoil();
	return r;
}

/* --- making ---------------------------------------------------------------------------------- */

static enum db_result next_uid(uint32_t *uid)
{
	if (db_number("next-uid", ACCOUNT_UID_MIN, uid) != DB_OK || *uid < ACCOUNT_UID_MIN ||
	    *uid > ACCOUNT_UID_MAX)
		return DB_FAULT;
	return db_set_number("next-uid", *uid + 1);
}

/* The first home of that name which no account, living or deleted, has had. */
static enum db_result take_home(struct account_record *r)
{
	for (uint32_t turn = 0; turn < TURNS_MAX; turn++) {
		struct str taken, address = str_of(r->address);
		enum db_result result;

		if (account_home(r->address, turn, r->home) == -1)
			return DB_FAULT;
		result = db_get(DB_HOMES, str_of(r->home), &taken);
		if (result == DB_MISSING)
			return db_put(DB_HOMES, str_of(r->home), &address);
		if (result != DB_OK)
			return result;
	}
	return DB_FAULT;
}

static enum db_result take_uid(struct account_record *r, struct account_owner owner)
{
	enum db_result result = DB_OK;

	r->uid = owner.uid;
	r->gid = owner.gid;
	if (owner.uid == 0) {
		result = next_uid(&r->uid);
		r->gid = r->uid;
	}
	return result;
}

/* An attempt that failed may have left a home that belongs to its uid. */
static enum db_result take_up(struct account_record *r)
{
	struct account_record old;
	enum db_result result = load(DB_MAKING, r->address, &old);

	if (result == DB_MISSING) {
		result = load(DB_ACCOUNTS, r->address, &old);
		if (result == DB_OK && (old.flags & ACCOUNT_MAKING) == 0)
			return DB_EXISTS;
	}
	if (result == DB_OK) {
		r->uid = old.uid;
		r->gid = old.gid;
		memcpy(r->home, old.home, sizeof r->home);
	}
	return result;
}

enum db_result accounts_reserve(struct account_record *r, struct account_owner owner)
{
	uint8_t space[RECORD_MAX];
	struct str bytes;
	enum db_result result = db_get(DB_ALIASES, str_of(r->address), &bytes);

	if (result != DB_MISSING)
		return within(result == DB_OK ? DB_EXISTS : result);
	result = take_up(r);
	if (result == DB_MISSING &&
	    (take_uid(r, owner) != DB_OK || (result = take_home(r)) != DB_OK))
		result = DB_FAULT;
	if (result != DB_OK)
		return within(result);
	r->created = (int64_t)time(NULL);
	bytes = bytes_of(r, space);
	return db_put(DB_MAKING, str_of(r->address), &bytes);
}

/* --- changing -------------------------------------------------------------------------------- */

static enum db_result write_change(
    const struct account_record *r, const char *verb, struct change_by by)
{
	uint8_t space[RECORD_MAX];
	struct str bytes = bytes_of(r, space);
	enum db_result result;

	change_begin(verb, r->address, by);
	result = change_put(DB_ACCOUNTS, str_of(r->address), &bytes);
	return within(result == DB_OK ? change_end() : result);
}

enum db_result accounts_add(const char *address, struct change_by by)
{
	struct account_record r;
	enum db_result result = load(DB_MAKING, address, &r);

	if (result != DB_OK)
		return within(result);
	result = write_change(&r, "add", by);
	return result == DB_OK ? db_put(DB_MAKING, str_of(address), NULL) : result;
}

enum db_result accounts_update(
    const struct account_record *r, const char *verb, struct change_by by)
{
	struct account_record old;
	enum db_result result = accounts_find(r->address, &old);

	return result == DB_OK ? write_change(r, verb, by) : within(result);
}

/* Moves the record of an address from one table to another. */
static enum db_result move(enum db_table from, enum db_table to, const char *verb,
    const struct account_record *r, struct change_by by)
{
	uint8_t space[RECORD_MAX];
	struct str bytes = bytes_of(r, space);

	change_begin(verb, r->address, by);
	if (change_put(from, str_of(r->address), NULL) != DB_OK ||
	    change_put(to, str_of(r->address), &bytes) != DB_OK)
		return within(DB_FAULT);
	return change_end();
}

enum db_result accounts_delete(const char *address, struct change_by by)
{
	struct account_record r;
	enum db_result result = accounts_find(address, &r);

	return result == DB_OK ? move(DB_ACCOUNTS, DB_DELETED, "delete", &r, by) : within(result);
}

enum db_result accounts_undelete(const char *address, struct change_by by)
{
	struct account_record r, other;
	struct str targets;
	enum db_result result = accounts_find(address, &other),
		       alias = aliases_find(address, &targets);

	if (result == DB_FAULT || alias == DB_FAULT)
		return within(DB_FAULT);
	if (result == DB_OK || alias == DB_OK)
		return DB_EXISTS;
	result = load(DB_DELETED, address, &r);
	return result == DB_OK ? move(DB_DELETED, DB_ACCOUNTS, "undelete", &r, by) : within(result);
}

/* --- domains and aliases --------------------------------------------------------------------- */

enum db_result domains_find(struct str domain, struct domain_record *out)
{
	struct str value;
	enum db_result r = db_get(DB_DOMAINS, domain, &value);

	*out = (struct domain_record){ 0 };
	if (r == DB_OK && get_domain(value, out) == -1)
		return DB_FAULT;
	return r == DB_MISSING ? DB_OK : r;
}

enum db_result domains_set(const char *domain, const struct domain_record *d, struct change_by by)
{
	uint8_t space[64];
	struct put w = put_into(space, sizeof space);
	struct str bytes;

	put_domain(&w, d);
	bytes = put_view(&w);
	change_begin("domain", domain, by);
	if (change_put(DB_DOMAINS, str_of(domain), d->flags == 0 ? NULL : &bytes) != DB_OK)
		return within(DB_FAULT);
	return change_end();
}

enum db_result aliases_find(const char *address, struct str *targets)
{
	struct str value;
	enum db_result r = db_get(DB_ALIASES, str_of(address), &value);

	return r == DB_OK && get_alias(value, targets) == -1 ? DB_FAULT : r;
}

enum db_result aliases_set(const char *address, struct str targets, struct change_by by)
{
	uint8_t space[TARGETS_TEXT_MAX + 64];
	struct put w = put_into(space, sizeof space);
	struct account_record r;
	struct str bytes, old;
	enum db_result result =
	    targets.n == 0 ? aliases_find(address, &old) : accounts_find(address, &r);

	if (targets.n == 0 && result != DB_OK)
		return within(result);
	if (targets.n > 0 && result != DB_MISSING)
		return within(result == DB_OK ? DB_EXISTS : result);
	put_alias(&w, targets);
	assert(!w.bad);
	bytes = put_view(&w);
	change_begin("alias", address, by);
	if (change_put(DB_ALIASES, str_of(address), targets.n == 0 ? NULL : &bytes) != DB_OK)
		return within(DB_FAULT);
	return change_end();
}
