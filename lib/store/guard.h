/*
 * A damaged index may end the process: LMDB asserts, or a page that is no longer there faults. The
 * process cannot go on then, but it leaves a mark, so that the next one rebuilds the index instead
 * of ending the same way.
 */
#ifndef STORE_GUARD_H
#define STORE_GUARD_H

#include <lmdb.h>
#include <stdbool.h>

/*
 * Watches the map of env, n bytes from start, from now on (one at a time per process); the mark is
 * a file in dir, which stays open until guard_clear(). Signals that somebody else handles already
 * are left to them.
 */
void guard_set(MDB_env *env, int dir, const void *start, size_t n);
void guard_clear(void);
/* Is the mark there? */
bool guard_marked(int dir);
void guard_unmark(int dir);

#endif
