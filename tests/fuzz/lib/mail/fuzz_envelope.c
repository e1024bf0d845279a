/* An envelope from a hostile peer or a damaged spool file; what decodes, encodes to the same bytes.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "mail/envelope.h"
#include "mail/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct get g = get_start(str_bytes(data, size));
	struct envelope e;
	struct status st;
	struct arena a;

	arena_init(&a);
	if (get_envelope(&g, &a, &e) == 0) {
		size_t used = (size_t)(g.p - data);
		uint8_t *space = xmalloc(used + 1);
		struct put w = put_into(space, used);

		put_envelope(&w, &e);
		assert(!w.bad && str_eq(put_view(&w), str_bytes(data, used)));
		free(space);
	}
	arena_clear(&a);
	g = get_start(str_bytes(data, size));
	get_status(&g, &st);
	return 0;
}
