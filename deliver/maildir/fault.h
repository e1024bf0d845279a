/* What a failed system call means for a delivery: always "try later", never the sender's fault. */
#ifndef MAILDIR_FAULT_H
#define MAILDIR_FAULT_H

#include "mail/status.h"

/* Sets a 4xx for errno value err; what says in a few words what could not be done. Returns -1. */
int fault_status(struct status *st, int err, const char *what);

#endif
