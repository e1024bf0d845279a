/*
 * Named points at which a test may kill the process, to prove that nothing acknowledged is lost.
 *
 * Only a build with -DTHURN_TEST_CRASH has them. There, THURN_CRASH="name:count[,name:count...]" in
 * the environment kills the process with SIGKILL the count-th time it comes to the point of that
 * name.
 */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#ifdef THURN_TEST_CRASH
/* Reads the environment; call it before confinement. Not needed when there is none. */
void crash_init(void);
/* Safe from any thread. name is a literal. */
void crash_point(const char *name);
#else
static inline void crash_init(void)
{
}

static inline void crash_point(const char *name)
{
	(void)name;
}
#endif

#endif
