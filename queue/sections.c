/* Which section "destination" one belongs to. See sections.h. */
#include "sections.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/siphash.h"
#include "net/dns.h"
#include "proto/scope.h"

/* An item of a section's list. */
struct entry {
	uint64_t hash;
	struct str item;
	size_t section;
};

struct index {
	const char *list;
	struct entry *at; /* sorted: of one hash the first section first */
	size_t n;
};

static const struct conf_section **sections;
static size_t nsections;
static struct index by_domain = { .list = "domains" }, by_host = { .list = "hosts" };
static uint64_t secret[2]; /* strangers choose what is looked for */

static uint64_t hash(struct str name)
{
	char text[DNS_NAME_MAX];
	size_t n = 0;

	for (; n < name.n && n < sizeof text; n++)
		text[n] = ascii_lower(name.p[n]);
	return siphash(secret, str_bytes(text, n));
}

/* --- making ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->section < y->section ? -1 : x->section > y->section;
}

static void make(struct index *x)
{
	size_t n = 0;

	for (size_t i = 0; i < nsections; i++)
		n += section_count(sections[i], x->list);
	free(x->at);
	x->at = xcalloc(n + 1, sizeof *x->at);
	x->n = 0;
	for (size_t i = 0; i < nsections; i++)
		for (size_t k = 0; k < section_count(sections[i], x->list); k++) {
			struct str item = section_item(sections[i], x->list, k);

			x->at[x->n++] = (struct entry){ hash(item), item, i };
		}
	qsort(x->at, x->n, sizeof *x->at, compare);
}

void sections_load(const struct conf *c)
{
	const struct conf_section *s;

	if (secret[0] == 0) {
		secret[0] = id_random();
		secret[1] = id_random();
	}
	nsections = 0;
	for (size_t i = 0; (s = conf_any_section(c, i)) != NULL; i++) {
		if (!str_eq(str_of(section_kind(s)), STR("destination")))
			continue;
		sections = xreallocarray(sections, nsections + 1, sizeof(*sections));
		sections[nsections++] = s;
	}
	make(&by_domain);
	make(&by_host);
}

const struct conf_section *sections_at(size_t i)
{
	return i < nsections ? sections[i] : NULL;
}

/* --- finding ---------------------------------------------------------------------------------- */

/*
 * All hosts have to be the section's: a domain names whatever hosts it likes, and how one of its own
 * behaves would else decide how mail goes to all domains of a provider.
 */
static bool hosts_fit(const struct conf_section *s, const struct mail_reply *hosts)
{
	for (uint32_t i = 0; i < hosts->nhosts; i++) {
		if (!scope_lists(s, "hosts", hosts->hosts[i].name))
			return false;
	}
	return true;
}

static size_t first_of(const struct index *x, uint64_t key)
{
	size_t from = 0, to = x->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (x->at[middle].hash < key)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Lowers *best to the first section that has that item and fits. */
static void try_item(const struct index *x, struct str item, struct str name,
    const struct mail_reply *hosts, size_t *best)
{
	uint64_t key = hash(item);

	for (size_t i = first_of(x, key);
	     i < x->n && x->at[i].hash == key && x->at[i].section < *best; i++) {
		const struct entry *e = &x->at[i];

		if (scope_fits(e->item, name) &&
		    (hosts == NULL || hosts_fit(sections[e->section], hosts)))
			*best = e->section;
	}
}

/* By all that a list may call that name: itself, what it is below, and everything. */
static void try_name(
    const struct index *x, struct str name, const struct mail_reply *hosts, size_t *best)
{
	if (x->n == 0)
		return;
	try_item(x, name, name, hosts, best);
	try_item(x, STR("*"), name, hosts, best);
	for (size_t i = 1; i < name.n; i++) {
		if (name.p[i] == '.')
			try_item(x, str_skip(name, i), name, hosts, best);
	}
}

ssize_t sections_find(struct str nexthop, const struct mail_reply *hosts)
{
	size_t best = nsections;

	try_name(&by_domain, nexthop, NULL, &best);
	if (hosts != NULL && hosts->nhosts > 0)
		try_name(&by_host, hosts->hosts[0].name, hosts, &best);
	return best < nsections ? (ssize_t)best : -1;
}
