/* The wall clock. See clock.h. */
#include "clock.h"

#include <stdbool.h>
#include <string.h>

enum {
	JUMP_MIN_MS = 3600 * 1000, /* less makes no difference to a lifetime of days */
	JUMPS_MAX = 16, /* the last ones */
};

/* What the clock would have said without it, and by how much it went ahead (or back). */
struct jump {
	int64_t before, by;
};

static struct jump jumps[JUMPS_MAX];
static unsigned njumps;
static int64_t offset; /* wall clock minus the steady one */
static bool looked;

static int64_t note(int64_t before, int64_t by)
{
	if (by < JUMP_MIN_MS && by > -JUMP_MIN_MS)
		return 0;
	if (njumps == JUMPS_MAX)
		memmove(jumps, jumps + 1, --njumps * sizeof jumps[0]);
	jumps[njumps++] = (struct jump){ before, by };
	return by;
}

int64_t clock_look(int64_t wall, int64_t steady)
{
	int64_t by = looked ? wall - steady - offset : 0;

	looked = true;
	offset = wall - steady;
	return note(wall - by, by);
}

int64_t clock_resume(int64_t wall, int64_t last)
{
	return note(last, wall - last);
}

int64_t clock_corrected(int64_t then, int64_t wall)
{
	for (unsigned i = 0; i < njumps; i++) {
		const struct jump *j = &jumps[i];

		/* a time from before a jump ahead; and one that is still to come is from before one
		 * back, for what has been accepted since is not */
		if (j->by > 0 ? then <= j->before : then > wall)
			then += j->by;
	}
	return then;
}
