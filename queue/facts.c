/* What is said of messages. See facts.h. */
#include "facts.h"

#include <stdio.h>

struct facts_status facts_status(struct str s)
{
	struct facts_status r = { 0 };
	struct str code = STR_NONE;
	uint64_t n = 0;

	str_cut(&s, ' ', &code);
	str_cut(&s, ' ', &r.dsn);
	(void)str_u64(code, 999, &n);
	r.code = (unsigned)n;
	r.text = s.p != NULL ? s : STR_NONE;
	return r;
}

struct str facts_status_text(const struct status *st, char out[FACTS_STATUS_MAX])
{
	if (st == NULL || st->code == 0)
		return STR_NONE;
	snprintf(out, FACTS_STATUS_MAX, "%d %s %s", st->code, st->enhanced, st->text);
	return str_of(out);
}

struct str facts_domain(struct str address)
{
	ssize_t at = str_rfind(address, '@');

	return at == -1 ? STR_NONE : str_skip(address, (size_t)at + 1);
}
