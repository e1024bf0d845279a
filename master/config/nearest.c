/* The setting that someone may have meant. See nearest.h. */
#include "nearest.h"

#include "proto/conf.h"

enum { NAME_MAX_BYTES = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions and replacements between two names of at most NAME_MAX_BYTES. */
static unsigned distance(struct str a, struct str b)
{
	unsigned row[NAME_MAX_BYTES + 1], before, above;

	for (unsigned k = 0; k <= b.n; k++)
		row[k] = k;
	for (unsigned i = 1; i <= a.n; i++) {
		before = row[0];
		row[0] = i;
		for (unsigned k = 1; k <= b.n; k++) {
			above = row[k];
			row[k] = min3(
			    above + 1, row[k - 1] + 1, before + (a.p[i - 1] == b.p[k - 1] ? 0 : 1));
			before = above;
		}
	}
	return row[b.n];
}

const char *nearest_setting(const char *section, struct str name)
{
	const struct setting *row;
	unsigned best = (unsigned)name.n / 3 + 1;
	const char *found = NULL;

	if (name.n > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		struct str candidate = str_of(row->name);
		unsigned d;

		if (!str_eq(str_of(row->section), str_of(section)) || row->origin != FROM_FILE ||
		    candidate.n > NAME_MAX_BYTES)
			continue;
		d = distance(name, candidate);
		if (d < best) {
			best = d;
			found = row->name;
		}
	}
	return found;
}
