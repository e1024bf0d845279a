/* MX preferences. See mx.h. */
#include "net/mx.h"

#include <stdlib.h>

#include "base/alloc.h"

/* splitmix64 */
uint64_t mx_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int compare(const void *a, const void *b)
{
	uint64_t x, y;

	x = *(const uint64_t *)a;
	y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

void mx_order(const uint16_t *preferences, size_t n, uint64_t *seed, uint16_t *order)
{
	uint64_t *keys = xcalloc(n + 1, sizeof *keys);

	/* preference, then chance, then which one it is */
	for (size_t i = 0; i < n; i++)
		keys[i] = (uint64_t)preferences[i] << 48 | mx_random(seed) >> 32 << 16 | i;
	qsort(keys, n, sizeof *keys, compare);
	for (size_t i = 0; i < n; i++)
		order[i] = (uint16_t)keys[i];
	free(keys);
}
