/* get_plan() and get_plan_listener() on any bytes: what they take is in bounds, and written again
 * the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void listener(struct str bytes)
{
	static uint8_t space[IPC_BODY_MAX];
	struct put w = put_into(space, sizeof space);
	struct plan_listener l;
	struct get g = get_start(bytes);

	if (get_plan_listener(&g, &l) == -1)
		return;
	put_plan_listener(&w, &l);
	if (l.role >= ROLE_MAX || !str_eq(put_view(&w), bytes))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t space[IPC_BODY_MAX];
	static struct plan p;
	struct put w = put_into(space, sizeof space);
	struct get g = get_start(str_bytes(data, size));

	listener(str_bytes(data, size));
	if (get_plan(&g, &p) == -1)
		return 0;
	put_plan(&w, &p);
	if (p.run[0] != '/' || !str_eq(put_view(&w), str_bytes(data, size)))
		abort();
	return 0;
}
