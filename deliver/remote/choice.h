/*
 * Which of the next hops of a way are tried, in which order: one group after the other, those of a group
 * as often before each other as their weights say. A next hop that could not be reached lately comes
 * behind those that nothing is known against.
 */
#ifndef REMOTE_CHOICE_H
#define REMOTE_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/way.h"

/* Indices of hops into order[0 .. y->n). The seed moves on. */
void choice_order(const struct way *y, uint64_t *seed, uint64_t now, uint8_t order[WAY_HOPS]);

void choice_start(uint64_t ms); /* for how long a next hop is remembered that was not reached */
void choice_note_down(const struct way_hop *h, uint64_t now);
void choice_note_up(const struct way_hop *h);
/* Milliseconds that it still counts; 0 = it does not. */
uint64_t choice_down_for(const struct way_hop *h, uint64_t now);

#endif
