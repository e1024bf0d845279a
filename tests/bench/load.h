/* What the programs that make load have in common. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Seconds. */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

#endif
