/* The age of what waits, by domain. See shape.h. */
#include "shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/siphash.h"
#include "shards.h"

enum { DOMAIN_MAX = 255, FIRST_MINUTES = 5 };

struct domain {
	struct shard_node in; /* key: a hash of the name */
	struct shape_row row;
	char name[];
};

struct shape {
	bool by_sender;
	uint64_t secret[2];
	struct shape_row total, others;
	uint64_t unknown;
	struct shards domains;
	struct domain **list;
	uint32_t n, cap;
};

struct shape *shape_new(bool by_sender)
{
	struct shape *s = xcalloc(1, sizeof *s);

	s->by_sender = by_sender;
	s->secret[0] = id_random();
	s->secret[1] = id_random();
	return s;
}

static void free_domain(struct shard_node *n, void *arg)
{
	(void)arg;
	free((struct domain *)n);
}

void shape_free(struct shape *s)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		shards_each(&s->domains, i, free_domain, NULL);
		free(s->domains.all[i].buckets);
	}
	free(s->list);
	free(s);
}

static struct domain *domain_new(struct shape *s, uint64_t key, struct str name)
{
	struct domain *d = xcalloc(1, sizeof *d + name.n + 1);

	d->in.key = key;
	memcpy(d->name, name.p, name.n);
	d->row.domain = str_bytes(d->name, name.n);
	shards_add(&s->domains, &d->in);
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 64 : s->cap * 2;
		s->list = xreallocarray(s->list, s->cap, sizeof *s->list);
	}
	s->list[s->n++] = d;
	return d;
}

/* The row of a domain. Two names with the same hash of 64 bits would share one. */
static struct shape_row *row_of(struct shape *s, struct str domain)
{
	char lower[DOMAIN_MAX];
	struct str name = { lower, domain.n < DOMAIN_MAX ? domain.n : DOMAIN_MAX };
	struct domain *d;
	uint64_t key;

	for (size_t i = 0; i < name.n; i++)
		lower[i] = ascii_lower(domain.p[i]);
	key = siphash(s->secret, name);
	d = (struct domain *)shards_find(&s->domains, key);
	if (d == NULL && s->n == SHAPE_DOMAINS_MAX)
		return &s->others;
	return d != NULL ? &d->row : &domain_new(s, key, name)->row;
}

static unsigned age_of(int64_t arrival, int64_t now)
{
	int64_t minutes = now > arrival ? (now - arrival) / 60 : 0, below = FIRST_MINUTES;
	unsigned i = 0;

	while (i < SHAPE_AGES - 1 && minutes >= below) {
		below *= 2;
		i++;
	}
	return i;
}

static void count(struct shape *s, struct shape_row *row, unsigned age, uint32_t n)
{
	row->total += n;
	row->ages[age] += n;
	s->total.total += n;
	s->total.ages[age] += n;
}

void shape_add(struct shape *s, const struct facts *f, int64_t now)
{
	unsigned age;

	if (!f->known) {
		s->unknown++;
		return;
	}
	age = age_of(f->arrival, now);
	if (s->by_sender) {
		count(s, row_of(s, facts_domain(f->sender)), age, 1);
		return;
	}
	for (uint32_t i = 0; i < f->nrcpts; i++)
		count(s, row_of(s, facts_domain(f->rcpts[i].addr)), age, 1);
	if (f->left > f->nrcpts)
		count(s, &s->others, age, f->left - f->nrcpts);
}

const struct shape_row *shape_total(const struct shape *s)
{
	return &s->total;
}

const struct shape_row *shape_others(const struct shape *s)
{
	return &s->others;
}

uint64_t shape_unknown(const struct shape *s)
{
	return s->unknown;
}

static int compare(const void *a, const void *b)
{
	const struct shape_row *x = &(*(struct domain *const *)a)->row;
	const struct shape_row *y = &(*(struct domain *const *)b)->row;

	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return str_cmp(x->domain, y->domain);
}

void shape_each(
    struct shape *s, uint32_t max, void (*fn)(void *arg, const struct shape_row *r), void *arg)
{
	if (s->n > 1)
		qsort(s->list, s->n, sizeof *s->list, compare);
	for (uint32_t i = 0; i < s->n && i < max; i++)
		fn(arg, &s->list[i]->row);
}
