/*
 * A table of up to millions of things by a 64-bit key, embedded in its owners' structs. It is made of
 * 256 small ones, chosen by the last byte of the key, so that growing never takes long, and so that
 * all can be visited shard by shard while others come and go. Keys are random, or hashes.
 */
#ifndef QUEUE_SHARDS_H
#define QUEUE_SHARDS_H

#include <stddef.h>
#include <stdint.h>

enum { SHARDS = 256 };

struct shard_node {
	struct shard_node *next;
	uint64_t key;
};

/* Zero-initialised: empty. */
struct shards {
	struct shard {
		struct shard_node **buckets;
		uint32_t nbuckets, n;
	} all[SHARDS];
};

struct shard_node *shards_find(const struct shards *t, uint64_t key);
/* node->key is set, and not there yet. */
void shards_add(struct shards *t, struct shard_node *node);
void shards_remove(struct shards *t, struct shard_node *node);
static inline uint32_t shards_count(const struct shards *t, unsigned shard)
{
	return t->all[shard].n;
}
/* Calls fn for each of one shard; it may not add or remove. */
void shards_each(const struct shards *t, unsigned shard,
    void (*fn)(struct shard_node *node, void *arg), void *arg);

#endif
