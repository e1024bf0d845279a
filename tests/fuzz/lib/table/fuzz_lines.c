/* The lines of table texts, as entries and as aliases, and lists of items. */
#include <stdlib.h>

#include "table/lines.h"
#include "table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines l;
	struct str line, key, value, rest = str_bytes(data, size);
	struct buf name;
	const char *why;

	buf_init(&name, LINE_MAX_BYTES);
	lines_init(&l, rest);
	while (lines_next(&l, &line, &why) == 1) {
		if (line.n == 0 || line.p[0] == ' ' || line.p[0] == '#')
			abort();
		if (lines_entry(line, &key, &value, &why) == 0 &&
		    (value.n == 0 || key.n + value.n >= line.n))
			abort();
		if (lines_alias(line, &name, &key, &value, &why) == 0 &&
		    (key.n == 0 || value.n == 0))
			abort();
	}
	lines_clear(&l);
	buf_clear(&name);
	while (table_list_item(&rest, &key))
		;
	return 0;
}
