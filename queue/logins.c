/* How much each login sends. See logins.h. */
#include "logins.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/id.h"
#include "base/ipc.h"
#include "base/siphash.h"

enum {
	NAME_MAX_BYTES = 320,
	BUCKETS_MIN = 256,
	VERSION = 1,
	ENTRY_MIN = 4 + LOGIN_PERIODS * 13, /* bytes of one in the file */
};

static const struct {
	const char *name;
	int64_t seconds;
} periods[LOGIN_PERIODS] = {
	[LOGIN_HOUR] = { "an hour", 3600 },
	[LOGIN_DAY] = { "a day", 86400 },
};

struct cell {
	struct login login;
	struct cell *next; /* of the same bucket */
	char space[];
};

static struct cell **buckets;
static size_t nbuckets, nlogins;
static bool changed;

/* --- the table -------------------------------------------------------------------------------- */

static struct cell **bucket_of(struct str name)
{
	static uint64_t secret[2];

	if (secret[0] == 0) {
		secret[0] = id_random();
		secret[1] = id_random();
	}
	return &buckets[siphash(secret, name) & (nbuckets - 1)];
}

static struct cell *find(struct str name)
{
	struct cell *e = nbuckets == 0 ? NULL : *bucket_of(name);

	while (e != NULL && !str_eq(e->login.name, name))
		e = e->next;
	return e;
}

static void resize(size_t size)
{
	struct cell **old = buckets;
	size_t nold = nbuckets;

	buckets = xcalloc(size, sizeof(struct cell *));
	nbuckets = size;
	for (size_t i = 0; i < nold; i++) {
		struct cell *e = old[i], *next;

		for (; e != NULL; e = next) {
			struct cell **to = bucket_of(e->login.name);

			next = e->next;
			e->next = *to;
			*to = e;
		}
	}
	free(old);
}

static bool over(const struct login *l, int64_t now)
{
	return l->counts[LOGIN_DAY].until <= now && l->counts[LOGIN_HOUR].until <= now;
}

/* Forgets whose periods are over; all: everybody. */
static void sweep(int64_t now, bool all)
{
	for (size_t i = 0; i < nbuckets; i++) {
		struct cell **at = &buckets[i], *e;

		while ((e = *at) != NULL) {
			if (!all && !over(&e->login, now)) {
				at = &e->next;
				continue;
			}
			*at = e->next;
			free(e);
			nlogins--;
		}
	}
}

/* NULL: there is no room for another. */
static struct cell *find_or_make(struct str name, int64_t now)
{
	struct cell *e = find(name), **to;

	if (e != NULL)
		return e;
	if (nlogins == LOGINS_MAX)
		sweep(now, false);
	if (nlogins == LOGINS_MAX)
		return NULL;
	if (nlogins >= nbuckets)
		resize(nbuckets == 0 ? BUCKETS_MIN : nbuckets * 2);
	e = xcalloc(1, sizeof *e + name.n + 1);
	memcpy(e->space, name.p, name.n);
	e->login.name = str_bytes(e->space, name.n);
	to = bucket_of(name);
	e->next = *to;
	*to = e;
	nlogins++;
	return e;
}

const struct login *logins_find(struct str name)
{
	const struct cell *e = find(name);

	return e == NULL ? NULL : &e->login;
}

void logins_each(int64_t now, void (*fn)(const struct login *l, void *arg), void *arg)
{
	for (size_t i = 0; i < nbuckets; i++) {
		for (struct cell *e = buckets[i]; e != NULL; e = e->next) {
			if (!over(&e->login, now))
				fn(&e->login, arg);
		}
	}
}

void logins_clear(void)
{
	sweep(0, true);
	free(buckets);
	buckets = NULL;
	nbuckets = 0;
	changed = false;
}

/* --- counting --------------------------------------------------------------------------------- */

static int refuse(
    const struct login_count *c, int period, uint32_t n, uint32_t most, struct status *st)
{
	time_t until = (time_t)c->until;
	char when[64] = "";
	struct tm tm;

	if (n > most)
		return status_set(st, 550, "5.7.1",
		    "A message may go to %u recipients at other hosts: the limit of this login "
		    "for %s",
		    most, periods[period].name);
	if (gmtime_r(&until, &tm) != NULL)
		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
	return status_set(st, 450, "4.7.1",
	    "This login has sent to %u recipients within %s, and its limit is %u; it goes on at %s",
	    c->n, periods[period].name, most, when);
}

int logins_charge(struct str name, uint32_t n, const struct login_limits *l, int64_t now,
    int *notice, struct status *st)
{
	struct cell *e;

	*notice = -1;
	if (n == 0 || name.n == 0 || name.n > NAME_MAX_BYTES)
		return 0;
	e = find_or_make(name, now);
	if (e == NULL)
		return status_set(
		    st, 450, "4.7.1", "Too many logins send at the same time; try again later");
	changed = true;
	for (int i = 0; i < LOGIN_PERIODS; i++) {
		struct login_count *c = &e->login.counts[i];

		/* a clock that was set back would make a period very long */
		if (c->until <= now || c->until > now + periods[i].seconds)
			*c = (struct login_count){ .until = now + periods[i].seconds };
		if (l->most[i] != 0 && (uint64_t)c->n + n > l->most[i])
			return refuse(c, i, n, l->most[i], st);
	}
	for (int i = 0; i < LOGIN_PERIODS; i++) {
		struct login_count *c = &e->login.counts[i];

		c->n += n;
		if (l->most[i] == 0 || l->notice == 0 || c->noticed ||
		    (uint64_t)c->n * 100 < (uint64_t)l->most[i] * l->notice)
			continue;
		c->noticed = true;
		*notice = i;
	}
	return 0;
}

void logins_refund(struct str name, uint32_t n, int64_t now)
{
	struct cell *e = find(name);

	for (int i = 0; e != NULL && i < LOGIN_PERIODS; i++) {
		struct login_count *c = &e->login.counts[i];

		if (c->until > now)
			c->n -= n < c->n ? n : c->n;
		changed = true;
	}
}

/* --- on disk ---------------------------------------------------------------------------------- */

/* "THURNLGN", u8 version, u32 number, {str name, {i64, u32, u8} x 2}, u32 CRC-32C of it all */
static const char magic[8] = "THURNLGN";

static void encode_one(const struct login *l, void *arg)
{
	uint8_t space[ENTRY_MIN + NAME_MAX_BYTES + 16];
	struct put w = put_into(space, sizeof space);

	put_str(&w, l->name);
	for (int i = 0; i < LOGIN_PERIODS; i++) {
		put_i64(&w, l->counts[i].until);
		put_u32(&w, l->counts[i].n);
		put_u8(&w, l->counts[i].noticed);
	}
	buf_str(arg, put_view(&w));
}

static void count_one(const struct login *l, void *arg)
{
	(void)l;
	++*(uint32_t *)arg;
}

bool logins_changed(void)
{
	return changed;
}

int logins_encode(struct buf *b, int64_t now)
{
	uint8_t space[16];
	struct put w = put_into(space, sizeof space);
	uint32_t n = 0;

	changed = false;
	sweep(now, false);
	logins_each(now, count_one, &n);
	put_u8(&w, VERSION);
	put_u32(&w, n);
	buf_put(b, magic, sizeof magic);
	buf_str(b, put_view(&w));
	logins_each(now, encode_one, b);
	w = put_into(space, sizeof space);
	put_u32(&w, crc32c(0, b->p, b->n));
	buf_str(b, put_view(&w));
	return b->full ? -1 : 0;
}

static int decode_one(struct get *g, int64_t now, bool keep)
{
	struct login l = { .name = get_line(g, NAME_MAX_BYTES) };
	struct cell *e;

	for (int i = 0; i < LOGIN_PERIODS; i++) {
		l.counts[i].until = get_i64(g);
		l.counts[i].n = get_u32(g);
		l.counts[i].noticed = get_bool(g);
	}
	if (g->bad || l.name.n == 0)
		return -1;
	e = keep && !over(&l, now) ? find_or_make(l.name, now) : NULL;
	if (e != NULL)
		memcpy(e->login.counts, l.counts, sizeof l.counts);
	return 0;
}

int logins_decode(struct str s, int64_t now)
{
	const size_t head = sizeof magic + 5, tail = 4;
	struct get g;
	uint32_t n;

	if (s.n < head + tail || memcmp(s.p, magic, sizeof magic) != 0)
		return -1;
	g = get_start(str_skip(s, s.n - tail));
	if (get_u32(&g) != crc32c(0, s.p, s.n - tail))
		return -1;
	/* first whether it is whole, then for good */
	for (int keep = 0; keep < 2; keep++) {
		g = get_start(str_take(str_skip(s, sizeof magic), s.n - tail - sizeof magic));
		if (get_u8(&g) != VERSION)
			return -1;
		n = get_u32(&g);
		while (n-- > 0) {
			if (decode_one(&g, now, keep) == -1)
				return -1;
		}
		if (get_end(&g) == -1)
			return -1;
	}
	return 0;
}
