/*
 * The processes that master runs: started, watched, started again with a back-off when they die,
 * ended.
 */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include "suite.h"

/* As many of each row as the configuration says, waiting to be started by children_step(). */
void children_plan(struct suite *s);
/* New ones of a row, to take over from those of earlier generations; candidate: see struct child.
 */
void children_replace(struct suite *s, const struct process *row, bool candidate);

/* Does what is due: starts, sends BOOT_GO, drains the replaced. Returns ms until it wants to be
 * called again, -1 = when something happens. */
int children_step(struct suite *s);

/* Reads what a child says on its control channel. */
void child_read(struct suite *s, struct child *c);
/* Collects the dead. */
void children_reap(struct suite *s);

/* A candidate that has become ready takes over from the older ones of its row. */
void child_adopt(struct suite *s, struct child *c);
/* The reload is not to be. */
void children_kill_candidates(struct suite *s);

/* Tells the processes of the last phase that still run to end; false when none is left. */
bool children_stop(struct suite *s);
/* Ends all at once. */
void children_kill(struct suite *s);

const char *child_state_name(enum child_state state);

#endif
