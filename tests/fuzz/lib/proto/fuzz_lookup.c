/* What lookup gets from smtpd and queue, and they from it: the first byte chooses the message. */
#include "packet.h"

#include "proto/lookup.h"

BORROWED(access_question, access_question, get_access_question)
BORROWED(access_answer, access_answer, get_access_answer)
BORROWED(route_question, route_question, get_route_question)
COPIED(route_answer, route_answer, get_route_answer)
BORROWED(lane_question, lane_question, get_lane_question)
BORROWED(lane_answer, lane_answer, get_lane_answer)
BORROWED(way, way, get_way)

static int steps(struct get *g, struct arena *a)
{
	struct lookup_step *x;
	uint32_t n;
	bool more;

	return get_lookup_steps(g, a, &x, &n, &more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static packet_get *const gets[] = { access_question, access_answer, route_question,
		route_answer, steps, way, lane_question, lane_answer };

	packet_try(data, size, gets, sizeof gets / sizeof *gets);
	return 0;
}
