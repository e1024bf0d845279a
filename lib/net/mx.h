/* The order in which the hosts of MX records are tried (RFC 5321 5.1). */
#ifndef NET_MX_H
#define NET_MX_H

#include <stddef.h>
#include <stdint.h>

/*
 * Fills order[] with 0 to n - 1 (n at most 65536): the least preference first, equal ones in an
 * order that the seed decides. The seed moves on, so that the next order differs.
 */
void mx_order(const uint16_t *preferences, size_t n, uint64_t *seed, uint16_t *order);

/* The next of the numbers that a seed leads to: for choices that a test can repeat. */
uint64_t mx_random(uint64_t *seed);

#endif
