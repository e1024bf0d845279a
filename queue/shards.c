/* A table of very many things. See shards.h. */
#include "shards.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { BUCKETS_FIRST = 16 };

static const struct shard *shard_of(const struct shards *t, uint64_t key)
{
	return &t->all[key & (SHARDS - 1)];
}

static struct shard_node **bucket_of(const struct shard *s, uint64_t key)
{
	return &s->buckets[key >> 8 & (s->nbuckets - 1)];
}

static void grow(struct shard *s)
{
	struct shard fresh = { .nbuckets = s->nbuckets == 0 ? BUCKETS_FIRST : s->nbuckets * 2,
		.n = s->n };

	fresh.buckets = xcalloc(fresh.nbuckets, sizeof *fresh.buckets);
	for (uint32_t i = 0; i < s->nbuckets; i++) {
		struct shard_node *node = s->buckets[i], *next;

		for (; node != NULL; node = next) {
			struct shard_node **b = bucket_of(&fresh, node->key);

			next = node->next;
			node->next = *b;
			*b = node;
		}
	}
	free(s->buckets);
	*s = fresh;
}

struct shard_node *shards_find(const struct shards *t, uint64_t key)
{
	const struct shard *s = shard_of(t, key);
	struct shard_node *node = s->n == 0 ? NULL : *bucket_of(s, key);

	while (node != NULL && node->key != key)
		node = node->next;
	return node;
}

void shards_add(struct shards *t, struct shard_node *node)
{
	struct shard *s = &t->all[node->key & (SHARDS - 1)];
	struct shard_node **b;

	if (s->n >= s->nbuckets)
		grow(s);
	b = bucket_of(s, node->key);
	node->next = *b;
	*b = node;
	s->n++;
}

void shards_remove(struct shards *t, struct shard_node *node)
{
	struct shard *s = &t->all[node->key & (SHARDS - 1)];
	struct shard_node **p = bucket_of(s, node->key);

	while (*p != node)
		p = &(*p)->next;
	*p = node->next;
	s->n--;
}

void shards_each(const struct shards *t, unsigned shard,
    void (*fn)(struct shard_node *node, void *arg), void *arg)
{
	const struct shard *s = &t->all[shard];

	for (uint32_t i = 0; i < s->nbuckets; i++) {
		for (struct shard_node *node = s->buckets[i], *next; node != NULL; node = next) {
			next = node->next;
			fn(node, arg);
		}
	}
}
