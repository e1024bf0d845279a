/*
 * Listening sockets: TCP and Unix, bound by master, served by the programs they are handed to.
 */
#ifndef MASTER_LISTEN_H
#define MASTER_LISTEN_H

#include "suite.h"

/*
 * Opens what the plan asks for and keeps what is open already. All or nothing: -1 with a sentence
 * in why (size bytes), and then nothing has changed. On success the sockets that the plan does not
 * name any more are only marked; listen_sweep() closes them.
 */
int listen_open(struct suite *s, const struct plan *plan, char *why, size_t size);
void listen_sweep(struct suite *s);

/* A SOCK_SEQPACKET socket of that name in the run directory; -1 with errno. */
int listen_control(const char *run_directory, const char *name, unsigned mode);

#endif
