/*
 * The cache of accounts. See accounts.h. Entries that say "none" have a bound of their own, an
 * eighth of the whole, so that a stranger who tries names does not push the real ones out.
 */
#include "accounts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "strmap.h"

enum { ABSENT_PART = 8 };

struct entry {
	struct entry *next; /* in its bucket */
	TAILQ_ENTRY(entry) age;
	bool found;
	struct account account; /* its strings are in text, behind the address */
	uint16_t naddress;
	char text[];
};
TAILQ_HEAD(ages, entry);

static struct entry **buckets;
static size_t nbuckets, max;
static struct ages ages[2]; /* [found]; least recently used first */
static size_t count[2];
static struct accounts_counts counts;

void accounts_init(size_t entries)
{
	accounts_clear();
	free(buckets);
	max = entries;
	nbuckets = 16;
	while (nbuckets < entries)
		nbuckets *= 2;
	buckets = xcalloc(nbuckets, sizeof(struct entry *));
	TAILQ_INIT(&ages[0]);
	TAILQ_INIT(&ages[1]);
}

static struct entry **find(struct str address)
{
	struct entry **at = &buckets[strmap_hash(address) & (nbuckets - 1)];

	while (*at != NULL && !str_eq(address, str_bytes((*at)->text, (*at)->naddress)))
		at = &(*at)->next;
	return at;
}

static void drop(struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	TAILQ_REMOVE(&ages[e->found], e, age);
	count[e->found]--;
	free(e);
}

void accounts_clear(void)
{
	for (size_t i = 0; i < nbuckets; i++) {
		while (buckets[i] != NULL)
			drop(&buckets[i]);
	}
}

void accounts_forget(struct str address)
{
	struct entry **at = find(address);

	if (*at != NULL)
		drop(at);
}

enum account_state accounts_get(struct str address, struct account *out)
{
	struct entry *e = *find(address);

	if (e == NULL) {
		counts.misses++;
		return ACCOUNT_UNKNOWN;
	}
	counts.hits++;
	TAILQ_REMOVE(&ages[e->found], e, age);
	TAILQ_INSERT_TAIL(&ages[e->found], e, age);
	if (!e->found)
		return ACCOUNT_NONE;
	*out = e->account;
	return ACCOUNT_FOUND;
}

/* Moves a string to where `to` points, and that behind it. */
static void keep(struct str *s, char **to)
{
	if (s->n > 0)
		memcpy(*to, s->p, s->n);
	s->p = *to;
	*to += s->n;
}

void accounts_learn(struct str address, const struct account *account)
{
	struct account a = account == NULL ? (struct account){ 0 } : *account;
	struct entry *e, **at;
	bool found = account != NULL;
	size_t limit = found ? max : max / ABSENT_PART;
	char *to;

	accounts_forget(address);
	if (address.n > LOGIN_MAX || a.home.n > HOME_MAX || a.senders.n > SENDERS_TEXT_MAX ||
	    a.targets.n > TARGETS_TEXT_MAX)
		return;
	if (count[found] >= limit) {
		e = TAILQ_FIRST(&ages[found]);
		drop(find(str_bytes(e->text, e->naddress)));
	}
	e = xcalloc(1, sizeof *e + address.n + a.home.n + a.senders.n + a.targets.n);
	e->found = found;
	e->naddress = (uint16_t)address.n;
	to = e->text;
	a.address = address;
	keep(&a.address, &to);
	keep(&a.home, &to);
	keep(&a.senders, &to);
	keep(&a.targets, &to);
	e->account = a;
	at = find(address);
	*at = e;
	TAILQ_INSERT_TAIL(&ages[found], e, age);
	count[found]++;
}

struct accounts_counts accounts_counts(void)
{
	counts.entries = count[0] + count[1];
	counts.absent = count[0];
	return counts;
}
