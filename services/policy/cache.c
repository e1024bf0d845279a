/* What is known of domains. See cache.h. */
#include "cache.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/siphash.h"
#include "net/dns.h"
#include "proto/fetch.h"

enum { BUCKETS = 8192, VERSION = 1 };

static LIST_HEAD(, entry) table[BUCKETS];
static TAILQ_HEAD(entry_list, entry) order = TAILQ_HEAD_INITIALIZER(order);
static struct cache_counts counts;
static struct store *store;
static uint64_t secret[2]; /* senders must not choose the bucket */

static size_t bucket(struct str domain)
{
	return siphash(secret, domain) % BUCKETS;
}

struct entry *cache_find(struct str domain)
{
	struct entry *e;

	LIST_FOREACH (e, &table[bucket(domain)], chain)
		if (str_eq(str_of(e->domain), domain))
			return e;
	return NULL;
}

static void forget_text(struct entry *e)
{
	if (e->text == NULL)
		return;
	counts.bytes -= e->size;
	free(e->text);
	e->text = NULL;
	e->size = 0;
	counts.policies--;
}

static void entry_free(struct entry *e)
{
	assert(!e->busy && TAILQ_EMPTY(&e->waiters));
	LIST_REMOVE(e, chain);
	TAILQ_REMOVE(&order, e, order);
	counts.entries--;
	forget_text(e);
	free(e->domain);
	free(e);
}

/* Whoever has no policy costs nothing to forget; the one that was not asked for longest goes. */
static bool make_room(void)
{
	struct entry *e;

	if (counts.entries < ENTRIES_MAX)
		return true;
	TAILQ_FOREACH (e, &order, order)
		if (e->text == NULL && !e->busy) {
			entry_free(e);
			return true;
		}
	return false;
}

static struct entry *entry_new(struct str domain)
{
	struct entry *e = xcalloc(1, sizeof *e);

	e->domain = str_dup(domain);
	TAILQ_INIT(&e->waiters);
	LIST_INSERT_HEAD(&table[bucket(domain)], e, chain);
	TAILQ_INSERT_TAIL(&order, e, order);
	counts.entries++;
	return e;
}

struct entry *cache_get(struct str domain)
{
	struct entry *e = cache_find(domain);

	if (e == NULL)
		return make_room() ? entry_new(domain) : NULL;
	TAILQ_REMOVE(&order, e, order);
	TAILQ_INSERT_TAIL(&order, e, order);
	return e;
}

struct entry *cache_next(struct entry *e)
{
	return e == NULL ? TAILQ_FIRST(&order) : TAILQ_NEXT(e, order);
}

bool cache_holds(const struct entry *e)
{
	return e->text != NULL && e->expires > (int64_t)time(NULL);
}

struct cache_counts cache_counts(void)
{
	return counts;
}

/* --- on disk ---------------------------------------------------------------------------------- */

static void set_text(struct entry *e, struct str id, struct str text, const struct sts_policy *p)
{
	forget_text(e);
	e->text = str_dup(text);
	e->size = text.n;
	counts.bytes += text.n;
	e->policy = *p;
	str_copy(id, e->id, sizeof e->id);
	counts.policies++;
}

/* How many bytes there may be with one of that size. */
static size_t bytes_max(size_t size)
{
	return size > POLICY_USUAL ? POLICY_BYTES_LARGE : POLICY_BYTES_MAX;
}

bool cache_keep(struct entry *e, struct str id, struct str text, const struct sts_policy *p)
{
	static uint8_t space[FETCH_ANSWER_MAX + 256];
	struct put w = put_into(space, sizeof space);

	set_text(e, id, text, p);
	e->fetched = (int64_t)time(NULL);
	e->expires = e->fetched + p->max_age;
	if (counts.policies > POLICIES_MAX || counts.bytes > bytes_max(text.n)) {
		log_warning(
		    NULL, EV("policy-not-kept"), KZ("domain", e->domain), KZ("error", "too many"));
		return false;
	}
	put_u8(&w, VERSION);
	put_i64(&w, e->fetched);
	put_i64(&w, e->expires);
	put_str(&w, str_of(e->id));
	put_str(&w, text);
	store_put(store, str_of(e->domain), &(struct str){ (const char *)w.p, w.n });
	return true;
}

void cache_drop(struct entry *e)
{
	if (e->text == NULL)
		return;
	forget_text(e);
	e->id[0] = '\0';
	store_put(store, str_of(e->domain), NULL);
}

static void load(struct str domain, struct str value)
{
	struct get g = get_start(value);
	uint8_t version = get_u8(&g);
	int64_t fetched = get_i64(&g), expires = get_i64(&g);
	struct str id = get_line(&g, STS_ID_MAX), text = get_str(&g, FETCH_ANSWER_MAX);
	struct sts_policy p;
	const char *why;
	struct entry *e;

	if (get_end(&g) == -1 || version != VERSION || !dns_name_valid(domain) ||
	    sts_parse(text, &p, &why) == -1) {
		log_warning(NULL, EV("policy-damaged"), KS("domain", domain));
		return;
	}
	e = counts.bytes + text.n <= POLICY_BYTES_MAX ? cache_get(domain) : NULL;
	if (e == NULL)
		return;
	set_text(e, id, text, &p);
	e->fetched = fetched;
	e->expires = expires;
	snprintf(e->why, sizeof e->why, "kept from before");
}

void cache_open(struct store *s)
{
	store = s;
	secret[0] = id_random();
	secret[1] = id_random();
	store_each(store, load);
}
