/*
 * The addresses that mail goes out from, as sections "source" and "source_pool" say; the scheduler gives them
 * their turns.
 */
#ifndef QUEUE_SOURCE_H
#define QUEUE_SOURCE_H

#include "proto/deliver.h"
#include "sched.h"

/* Tells the scheduler what the configuration in force says. */
void source_load(struct sched *s);
bool source_known(struct str name);
bool source_pool_known(struct str pool);
/* Whose turns are those of that pool: the i-th source; empty at the end. Borrowed until the next load. */
struct str source_of_pool(struct str pool, size_t i);
/* Names of all pools, as above. */
struct str source_pool_at(size_t i);
/* Where it is, as deliver/remote is told; false when there is none. Borrowed until the next load. */
bool source_get(struct str name, struct deliver_source *out);

#endif
