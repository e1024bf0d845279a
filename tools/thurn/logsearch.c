/* All lines of a log that belong together. See logsearch.h. */
#include "logsearch.h"

#include <string.h>

static bool id_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
}

/* The next id in *rest that stands where an event has its ids; moves behind it. */
static bool next_id(struct str *rest, struct str *id)
{
	/* text: "thurn/x[1]: ID: ", "trace=ID"; JSON: "trace":"ID","queue":"ID" */
	static const struct str before[] = { STR("]: "), STR("trace="), STR("\"trace\":\""),
		STR("\"queue\":\"") };

	for (size_t at = 0; at < rest->n; at++) {
		struct str here = str_skip(*rest, at);

		for (size_t k = 0; k < sizeof before / sizeof before[0]; k++) {
			struct str word = str_skip(here, before[k].n);
			size_t n = 0;

			if (!str_starts(here, before[k]))
				continue;
			while (n < word.n && id_char(word.p[n]))
				n++;
			if (n != ID_TEXT || (k == 0 && (n == word.n || word.p[n] != ':')))
				continue;
			*id = str_take(word, n);
			*rest = str_skip(word, n);
			return true;
		}
	}
	return false;
}

static bool known(const struct search *s, struct str id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(s->ids[i], id.p, ID_TEXT) == 0)
			return true;
	return false;
}

void search_learn(struct search *s, struct str line)
{
	struct str rest = line, id;

	if (!search_match(s, line))
		return;
	while (next_id(&rest, &id))
		if (!known(s, id, s->nids) && s->nids < SEARCH_IDS_MAX)
			str_copy(id, s->ids[s->nids++], ID_TEXT + 1);
}

void search_settle(struct search *s)
{
	s->settled = s->nids;
}

bool search_match(const struct search *s, struct str line)
{
	struct str rest = line, id;

	if (str_search(line, s->text) != -1)
		return true;
	while (next_id(&rest, &id))
		if (known(s, id, s->settled))
			return true;
	return false;
}
