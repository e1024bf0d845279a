/*
 * A lookup service of a configuration that is not in force, for thurn explain route --config and thurn config check: the same
 * program, confined in the same way, started beside the running suite, which does not notice. Accounts
 * it is told as the running suite has them; without one, they cannot be asked about.
 */
#ifndef THURN_CANDIDATE_H
#define THURN_CANDIDATE_H

#include "base/buf.h"
#include "base/ipc.h"

/* Starts it with that file. An exit status; what is wrong is added to why, in lines. */
int candidate_start(const char *file, struct buf *why);
void candidate_stop(void); /* safe when there is none */

/* Is there one? And is there no running suite beside it? */
bool candidate_runs(void);
bool candidate_alone(void);

/* Does it answer questions of that type? */
bool candidate_answers(uint16_t type);
/* As explain_ask() does. */
int candidate_ask(
    uint16_t type, const struct put *question, int (*part)(void *arg, struct get *g), void *arg);

#endif
