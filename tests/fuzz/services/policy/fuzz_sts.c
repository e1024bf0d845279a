/* What strangers publish: records, policies, and the packets about them. */
#include <assert.h>
#include <stdint.h>

#include "../../../../services/policy/sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A policy that was taken has as many hosts as it is said to have, and the plain ones match themselves. */
static void look_at(struct str text)
{
	struct str rest = text, pattern;
	struct sts_policy p;
	const char *why;
	unsigned n = 0;

	if (sts_parse(text, &p, &why) == -1)
		return;
	assert(p.mode < STS_MODES && p.max_age <= STS_AGE_MAX);
	for (; sts_host(&rest, &pattern); n++)
		assert(pattern.p[0] == '*' || sts_names(text, pattern));
	assert(n == p.nhosts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_bytes(data, size), id;
	struct policy_question q;
	struct policy_reply r;
	struct get g = get_start(text);

	if (size < 4096)
		look_at(text);
	if (sts_record(text, &id) == 1)
		assert(id.n > 0 && id.n <= STS_ID_MAX);
	get_policy_question(&g, &q);
	g = get_start(text);
	get_policy_reply(&g, &r);
	return 0;
}
