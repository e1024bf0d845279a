/*
 * Queries from tools: {u8 length of the query, query, facts as a brief}. Whatever is taken gives an
 * answer, and the opposite of it when it is turned round.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "../../../queue/brief.h"
#include "../../../queue/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct query q, not_q;
	struct facts_rcpt rcpts[BRIEF_RCPTS];
	struct facts f = { .id = 1, .state = ENTRY_DEFERRED };
	size_t n = size > 0 ? data[0] : 0;
	char why[256], turned[600];
	struct str s;

	if (size < 1 + n)
		return 0;
	s = str_bytes(data + 1, n);
	if (brief_read(str_bytes(data + 1 + n, size - 1 - n), &f, rcpts) == -1)
		f = (struct facts){ .id = 1, .state = ENTRY_DEFERRED };
	if (query_parse(&q, s, why) == -1) {
		assert(why[0] != '\0');
		return 0;
	}
	if (q.nsteps > 0 && str_find(s, '\0') == -1) {
		snprintf(turned, sizeof turned, "not (%.*s)", STR_ARG(s));
		if (query_parse(&not_q, str_of(turned), why) == 0)
			assert(query_ask(&not_q, &f, 1000) == ANSWER_YES - query_ask(&q, &f, 1000));
	}
	return 0;
}
