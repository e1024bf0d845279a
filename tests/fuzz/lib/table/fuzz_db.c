/* A whole built file: the first byte chooses the type; every key and some others are looked up. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table/impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct again {
	struct table *t;
	struct arena a;
	unsigned n;
};

static int each(void *arg, struct str key, struct str value)
{
	struct again *g = arg;
	struct table_answer out;
	char copy[256];

	(void)value;
	if (key.n > sizeof copy)
		return 0;
	if (key.n > 0)
		memcpy(copy, key.p, key.n); /* the listing's memory is reused */
	table_lookup(g->t, str_bytes(copy, key.n), &g->a, &out);
	arena_reset(&g->a);
	return ++g->n > 200;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct table_type *const types[] = { &table_hash, &table_btree, &table_lmdb };
	char why[TABLE_WHY], name[] = "name", spec[] = "type:name";
	struct table t = { .dir = -1 };
	struct table_answer out;
	struct again g = { .t = &t };
	int fd;

	if (size == 0)
		return 0;
	t.type = types[data[0] % 3];
	t.name = t.path = name;
	t.spec = spec;
	fd = memfd_create("table", MFD_CLOEXEC);
	if (fd == -1 || write(fd, data + 1, size - 1) != (ssize_t)size - 1)
		abort();
	t.content = t.type->load(&t, STR_NONE, fd, why);
	if (t.content == NULL) {
		close(fd);
		return 0;
	}
	arena_init(&g.a);
	table_lookup(&t, STR("key1"), &g.a, &out);
	table_lookup(&t, STR_NONE, &g.a, &out);
	table_each(&t, each, &g, why);
	arena_clear(&g.a);
	t.type->unload(t.content);
	return 0;
}
