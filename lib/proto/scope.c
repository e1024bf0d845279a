/* Lists of destinations. See scope.h. */
#include "proto/scope.h"

bool scope_fits(struct str pattern, struct str name)
{
	if (str_eq(pattern, STR("*")))
		return true;
	if (pattern.n == 0 || pattern.p[0] != '.')
		return str_caseeq(pattern, name);
	return name.n > pattern.n && str_caseeq(str_skip(name, name.n - pattern.n), pattern);
}

bool scope_lists(const struct conf_section *s, const char *list, struct str name)
{
	for (size_t i = 0; i < section_count(s, list); i++) {
		if (scope_fits(section_item(s, list, i), name))
			return true;
	}
	return false;
}
