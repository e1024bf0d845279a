/* The names of lanes. See lane.h. Links libc only. */
#include "proto/lane.h"

#include <assert.h>

static const struct str names[LANES] = { [LANE_USER] = STR("users"),
	[LANE_BULK] = STR("bulk"),
	[LANE_REPORT] = STR("reports"),
	[LANE_BOUNCE] = STR("bounces") };

struct str lane_name(uint8_t lane)
{
	assert(lane < LANES);
	return names[lane];
}

uint8_t lane_find(struct str name)
{
	uint8_t lane = 0;

	while (lane < LANES && !str_eq(name, names[lane]))
		lane++;
	return lane;
}
