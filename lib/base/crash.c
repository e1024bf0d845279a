/* Named crash points of test builds. See crash.h. */
#include "base/crash.h"

#ifdef THURN_TEST_CRASH

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { POINTS_MAX = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct point {
	char name[64];
	uint64_t left;
} points[POINTS_MAX];
static unsigned npoints;
static bool ready;

void crash_init(void)
{
	struct str rest = str_of(getenv("THURN_CRASH")), item, name;

	ready = true;
	while (npoints < POINTS_MAX && str_cut(&rest, ',', &item)) {
		struct point *p = &points[npoints];

		if (!str_cut(&item, ':', &name) || str_copy(name, p->name, sizeof p->name) == -1)
			continue;
		if (str_u64(item, UINT32_MAX, &p->left) == -1)
			p->left = 1;
		npoints++;
	}
}

void crash_point(const char *name)
{
	pthread_mutex_lock(&lock);
	if (!ready)
		crash_init();
	for (unsigned i = 0; i < npoints; i++) {
		if (strcmp(points[i].name, name) == 0 && --points[i].left == 0)
			raise(SIGKILL);
	}
	pthread_mutex_unlock(&lock);
}

#else
/* ISO C wants something in every file */
typedef int crash_not_built;
#endif
