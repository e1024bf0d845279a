/* Preference of families. See families.h. */
#include "proto/families.h"

int families_parse(struct str text, struct families *f)
{
	static const struct {
		struct str name;
		struct families families;
	} rows[] = {
		{ STR("ipv6"), { .four = true, .six = true, .first = 6 } },
		{ STR("ipv4"), { .four = true, .six = true, .first = 4 } },
		{ STR("ipv6-only"), { .six = true, .first = 6 } },
		{ STR("ipv4-only"), { .four = true, .first = 4 } },
	};

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (str_eq(text, rows[i].name)) {
			*f = rows[i].families;
			return 0;
		}
	}
	return -1;
}
