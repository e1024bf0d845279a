/* The state of the running suite as its master and its processes tell it. */
#ifndef THURN_STATE_H
#define THURN_STATE_H

#include <jansson.h>

/*
 * An array of objects, yours to json_decref(): for the suite and each process
 *	{process, instance, pid, state, uptime_ms, restarts, generation, root, layers, uid, counts},
 * where counts holds what the process itself counts; for each socket {listener, socket, port}. NULL
 * after a message on standard error; *status is the exit status then.
 */
json_t *state_read(int *status);

#endif
