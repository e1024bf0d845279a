/*
 * The texts of cidr:, pcre:, regexp: and texthash: tables, the bodies of the types that stand in
 * the configuration, and a lookup in each. The first byte chooses the type, the first line is the
 * key.
 */
#include <stdlib.h>
#include <string.h>

#include "table/impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct table_type *const types[] = { &table_cidr, &table_pcre, &table_regexp,
		&table_texthash, &table_inline, &table_static, &table_unionmap, &table_pipemap };
	struct str rest, key;
	struct table t = { .dir = -1, .flags = TABLE_ANYWHERE };
	struct table_answer out;
	struct arena a;
	char why[TABLE_WHY], name[] = "name", spec[] = "type:name";

	if (size == 0)
		return 0;
	t.type = types[data[0] % 8];
	t.name = t.path = name;
	t.spec = spec;
	rest = str_bytes(data + 1, size - 1);
	str_cut(&rest, '\n', &key);
	if (rest.p == NULL)
		return 0;
	/* tables inside must not open files */
	if (data[0] % 8 >= 6 && (memmem(rest.p, rest.n, "hash:", 5) != NULL ||
				    memmem(rest.p, rest.n, "cidr:", 5) != NULL ||
				    memmem(rest.p, rest.n, "pcre:", 5) != NULL ||
				    memmem(rest.p, rest.n, "regexp:", 7) != NULL ||
				    memmem(rest.p, rest.n, "btree:", 6) != NULL ||
				    memmem(rest.p, rest.n, "lmdb:", 5) != NULL))
		return 0;
	t.content = t.type->load(&t, rest, -1, why);
	if (t.content == NULL)
		return 0;
	arena_init(&a);
	table_lookup(&t, key, &a, &out);
	arena_clear(&a);
	t.type->unload(t.content);
	return 0;
}
