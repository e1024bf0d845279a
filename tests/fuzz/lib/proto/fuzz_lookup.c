/* What lookup gets from smtpd and queue, and they from it: the first byte chooses the message. */
#include <stdint.h>

#include "proto/lookup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int access_question(struct get *g, struct arena *a)
{
	struct access_question x;

	(void)a;
	return get_access_question(g, &x);
}

static int access_answer(struct get *g, struct arena *a)
{
	struct access_answer x;

	(void)a;
	return get_access_answer(g, &x);
}

static int route_question(struct get *g, struct arena *a)
{
	struct route_question x;

	(void)a;
	return get_route_question(g, &x);
}

static int route_answer(struct get *g, struct arena *a)
{
	struct route_answer x;

	return get_route_answer(g, a, &x);
}

static int lane_question(struct get *g, struct arena *a)
{
	struct lane_question x;

	(void)a;
	return get_lane_question(g, &x);
}

static int lane_answer(struct get *g, struct arena *a)
{
	struct lane_answer x;

	(void)a;
	return get_lane_answer(g, &x);
}

static int way(struct get *g, struct arena *a)
{
	struct way x;

	(void)a;
	return get_way(g, &x);
}

static int steps(struct get *g, struct arena *a)
{
	struct lookup_step *x;
	uint32_t n;
	bool more;

	return get_lookup_steps(g, a, &x, &n, &more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const gets[])(struct get *, struct arena *) = { access_question, access_answer,
		route_question, route_answer, steps, way, lane_question, lane_answer };
	struct arena a;
	struct get g;

	if (size == 0)
		return 0;
	arena_init(&a);
	g = get_start(str_bytes(data + 1, size - 1));
	gets[data[0] % (sizeof gets / sizeof *gets)](&g, &a);
	arena_clear(&a);
	return 0;
}
