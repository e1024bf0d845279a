/* Names of message files: whatever is understood is written and read back the same. */
#include <assert.h>

#include "store/msgname.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msgname m, again;
	char out[MSGNAME_MAX + 1];
	size_t n;

	if (msgname_parse(str_bytes(data, size), &m) == -1)
		return 0;
	if (m.uid == 0)
		m.uid = 1;
	n = msgname_format(&m, out);
	assert(n <= MSGNAME_MAX);
	if (m.base.n > MSGNAME_BASE || str_find(m.base, '\0') != -1)
		return 0;
	assert(msgname_parse(str_bytes(out, n), &again) == 0);
	assert(str_eq(m.base, again.base));
	assert(m.size == again.size && m.wire == again.wire && m.uid == again.uid);
	assert(m.flags == again.flags && m.keywords == again.keywords);
	return 0;
}
