/* The right-hand side of aliases, transport(5) results, and access(5) actions. */
#include <stdlib.h>

#include "../../../../services/lookup/verdict.h"
#include "../../../../services/lookup/hops.h"
#include "../../../../services/lookup/nexthop.h"
#include "../../../../services/lookup/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_bytes(data, size);
	struct targets list;
	struct target t;
	struct nexthop hop;
	struct verdict v;
	struct arena a;
	struct policy policy = { .origin = STR("origin.example") };
	struct run r = { .arena = &a, .policy = &policy };
	struct way y = { .n = 0 }, again;
	size_t n = 0;

	arena_init(&a);
	for (int comments = 0; comments < 2; comments++) {
		list = targets_of(text, comments == 1);
		while (targets_next(&list, &a, &t)) {
			if (t.kind != TARGET_BAD && t.text.n == 0)
				abort();
			if (++n > 2 * size + 2)
				abort();
		}
	}
	if (size < 2000) {
		nexthop_parse(text, &hop);
		if (hops_parse(text, &y) == NULL && str_find(text, '\0') == -1 &&
		    str_find(text, '\r') == -1 && str_find(text, '\n') == -1) {
			struct str bytes = way_encode(&y, &a);

			if (bytes.n > 0 && way_decode(bytes, &again) == -1)
				abort();
		}
		log_threshold(LEVEL_ERROR + 1);
		verdict_read(&r, text, STR("rule"), STR("subject"), &v);
		if (v.kind == VERDICT_REFUSE && (v.status.code < 400 || v.status.code > 599))
			abort();
		if (v.acts && (v.kind != VERDICT_NONE || v.action.value.n > ACTION_VALUE_MAX))
			abort();
	}
	arena_clear(&a);
	return 0;
}
