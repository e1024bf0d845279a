/* The table of very many things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "../../../queue/shards.h"

enum { MANY = 100000 };

static struct shards table;
static struct shard_node nodes[MANY];
static unsigned visited;

static uint64_t key(unsigned i)
{
	return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void visit(struct shard_node *n, void *arg)
{
	assert_int_equal(n->key & (SHARDS - 1), *(unsigned *)arg);
	visited++;
}

static unsigned count(void)
{
	unsigned n = 0;

	visited = 0;
	for (unsigned shard = 0; shard < SHARDS; shard++) {
		n += shards_count(&table, shard);
		shards_each(&table, shard, visit, &shard);
	}
	assert_int_equal(visited, n);
	return n;
}

static void test_many(void **state)
{
	(void)state;
	assert_null(shards_find(&table, 1));
	for (unsigned i = 0; i < MANY; i++) {
		nodes[i].key = key(i);
		shards_add(&table, &nodes[i]);
	}
	assert_int_equal(count(), MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_ptr_equal(shards_find(&table, key(i)), &nodes[i]);
	for (unsigned i = 0; i < MANY; i += 2)
		shards_remove(&table, &nodes[i]);
	assert_int_equal(count(), MANY / 2);
	for (unsigned i = 0; i < MANY; i++)
		assert_ptr_equal(shards_find(&table, key(i)), i % 2 == 0 ? NULL : &nodes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
