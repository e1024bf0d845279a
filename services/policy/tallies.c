/* Everything that is counted for reports. See tallies.h. */
#include "tallies.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/siphash.h"
#include "net/dns.h"

enum { BUCKETS = 8192, WRITE_MS = 3000, KEY_MAX = 8 + DNS_NAME_MAX };

struct counted {
	struct tally *tally; /* first */
	bool dirty;
	LIST_ENTRY(counted) chain;
	TAILQ_ENTRY(counted) next;
};

static LIST_HEAD(, counted) table[BUCKETS];
static TAILQ_HEAD(, counted) all = TAILQ_HEAD_INITIALIZER(all);
static unsigned ncounted;
static size_t bytes;
static uint64_t secret[2]; /* senders must not choose the bucket */
static struct store *store;
static struct timer timer;
static void (*is_over)(const struct tally *t);
static struct {
	uint64_t counted, uncounted;
} counts;

/* --- on disk ---------------------------------------------------------------------------------- */

/* In the order of time: the beginning, with its highest byte first, and the domain. */
static struct str make_key(char space[KEY_MAX], struct str domain, int64_t begin)
{
	for (unsigned i = 0; i < 8; i++)
		space[i] = (char)((uint64_t)begin >> (56 - 8 * i));
	memcpy(space + 8, domain.p, domain.n);
	return str_bytes(space, 8 + domain.n);
}

static int put(const struct tally *t, bool remove)
{
	static uint8_t space[TALLY_BYTES_MAX];
	struct put w = put_into(space, sizeof space);
	char key[KEY_MAX];
	struct str value;

	put_tally(&w, t);
	value = put_view(&w);
	return store_put(store, make_key(key, str_of(t->domain), t->begin), remove ? NULL : &value);
}

int tallies_keep(const struct tally *t)
{
	return put(t, false);
}

void tallies_drop(const struct tally *t)
{
	put(t, true);
}

static void decode(void *arg, struct str value)
{
	struct get g = get_start(value);

	*(struct tally **)arg = get_tally(&g);
}

struct tally *tallies_load(struct str domain, int64_t begin)
{
	struct tally *t = NULL;
	char key[KEY_MAX];

	store_get(store, make_key(key, domain, begin), decode, &t);
	return t;
}

void tallies_write(void)
{
	struct counted *c;
	bool any = false;

	TAILQ_FOREACH (c, &all, next) {
		if (!c->dirty)
			continue;
		if (!any)
			store_begin(store);
		any = true;
		put(c->tally, false);
		c->dirty = false;
	}
	if (any)
		store_end(store);
}

/* --- in memory -------------------------------------------------------------------------------- */

static size_t bucket(struct str domain)
{
	return siphash(secret, domain) % BUCKETS;
}

static struct counted *find(struct str domain)
{
	struct counted *c;

	LIST_FOREACH (c, &table[bucket(domain)], chain)
		if (str_eq(str_of(c->tally->domain), domain))
			return c;
	return NULL;
}

static struct counted *insert(struct tally *t)
{
	struct counted *c = xcalloc(1, sizeof *c);

	c->tally = t;
	LIST_INSERT_HEAD(&table[bucket(str_of(t->domain))], c, chain);
	TAILQ_INSERT_TAIL(&all, c, next);
	ncounted++;
	bytes += t->bytes;
	return c;
}

static int64_t day_of(int64_t time)
{
	return time / DAY_SECONDS;
}

static void remove_one(struct counted *c)
{
	LIST_REMOVE(c, chain);
	TAILQ_REMOVE(&all, c, next);
	ncounted--;
	bytes -= c->tally->bytes;
	tally_free(c->tally);
	free(c);
}

/* Its end has been written down: from now on it is on disk alone. Or it has not: later. */
static void finished(struct counted *c, bool written)
{
	if (!written) {
		c->tally->end = 0;
		return;
	}
	is_over(c->tally);
	remove_one(c);
}

static void finish(struct counted *c, int64_t end)
{
	c->tally->end = end;
	finished(c, put(c->tally, false) == 0);
}

static bool is_old(const struct counted *c, int64_t today)
{
	return day_of(c->tally->begin) != today;
}

/* The end of a day is that of all domains: a sync for each would be minutes without an answer to anybody. */
static void finish_old(void)
{
	int64_t today = day_of((int64_t)time(NULL));
	struct counted *c, *next;
	bool any = false, written;

	TAILQ_FOREACH (c, &all, next) {
		if (!is_old(c, today))
			continue;
		if (!any)
			store_begin(store);
		any = true;
		c->tally->end = (day_of(c->tally->begin) + 1) * DAY_SECONDS;
		put(c->tally, false);
	}
	if (!any)
		return;
	written = store_end(store) == 0;
	for (c = TAILQ_FIRST(&all); c != NULL; c = next) {
		next = TAILQ_NEXT(c, next);
		if (is_old(c, today))
			finished(c, written);
	}
}

/* Of a new one: where the last one of that day has ended. */
static int64_t beginning(struct str domain)
{
	int64_t begin = day_of((int64_t)time(NULL)) * DAY_SECONDS;
	struct tally *before;

	while ((before = tallies_load(domain, begin)) != NULL) {
		begin = before->end > begin ? before->end : begin + 1;
		tally_free(before);
	}
	return begin;
}

void tallies_count(const struct tls_result *r, struct str text)
{
	struct counted *c = find(r->domain);
	size_t before;

	if (c != NULL && day_of(c->tally->begin) != day_of((int64_t)time(NULL))) {
		finish_old();
		c = find(r->domain);
	}
	if (c == NULL && ncounted >= TALLIES_MAX) {
		counts.uncounted++;
		return;
	}
	if (c == NULL)
		c = insert(tally_new(r->domain, beginning(r->domain)));
	before = c->tally->bytes;
	tally_add(c->tally, r, text, bytes < TALLIES_BYTES_MAX);
	bytes += c->tally->bytes - before;
	c->dirty = true;
	counts.counted++;
}

struct tally *tallies_find(struct str domain)
{
	struct counted *c = find(domain);

	return c != NULL ? c->tally : NULL;
}

struct tally *tallies_next(const struct tally *t)
{
	struct counted *c =
	    t == NULL ? TAILQ_FIRST(&all) : TAILQ_NEXT(find(str_of(t->domain)), next);

	return c != NULL ? c->tally : NULL;
}

bool tallies_close(struct str domain)
{
	struct counted *c = find(domain);

	if (c == NULL)
		return false;
	finish(c, (int64_t)time(NULL));
	return find(domain) == NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static void load(struct str key, struct str value)
{
	struct get g = get_start(value);
	struct tally *t = get_tally(&g);

	(void)key;
	if (t == NULL) {
		log_warning(NULL, EV("policy-damaged"), KZ("domain", "reports"));
	} else if (t->end != 0) {
		is_over(t);
	} else if (find(str_of(t->domain)) == NULL) {
		insert(t);
		return;
	}
	tally_free(t);
}

static void tick(void *arg)
{
	(void)arg;
	timer_set(&timer, WRITE_MS, tick, NULL);
	finish_old();
	tallies_write();
}

void tallies_open(struct store *s, void (*over)(const struct tally *t))
{
	store = s;
	is_over = over;
	if (ncounted == 0) { /* else they stand where the old one has put them */
		secret[0] = id_random();
		secret[1] = id_random();
	}
	store_each(store, load);
}

void tallies_start(void)
{
	tick(NULL);
}

void tallies_status(struct buf *out)
{
	buf_printf(out, "tallies %u\nsessions_counted %llu\nsessions_not_counted %llu\n", ncounted,
	    (unsigned long long)counts.counted, (unsigned long long)counts.uncounted);
}
