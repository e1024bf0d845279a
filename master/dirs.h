/*
 * The directories of the suite: made when missing, opened, and handed to the programs.
 */
#ifndef MASTER_DIRS_H
#define MASTER_DIRS_H

#include "suite.h"

/* Fills s->dir_fds, s->root_fd and makes the run directory. -1 with a sentence in s->failure. */
int dirs_open(struct suite *s);

#endif
