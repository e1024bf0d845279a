/*
 * The start of a program: its row of the table and the plan become the messages of boot.h. Nowhere
 * else is a process told what it may do.
 */
#ifndef MASTER_START_H
#define MASTER_START_H

#include "suite.h"

/*
 * Forks and sends everything but the peers and BOOT_GO; the child is CHILD_BOOTING then. -1 if
 * there is no process. One that could not be told all is ended, and collected like any other.
 */
int child_start(struct suite *s, struct child *c);

/* Opens the files that the settings of its role name, and passes them on unread; see BOOT_FILES in boot.h. */
void child_files(const struct suite *s, const struct child *c);

/* Connects it to a Unix socket that its settings name; see BOOT_CONNECT in boot.h. */
void child_connect(const struct suite *s, const struct child *c, uint32_t token, struct str path);

/* A program of an earlier generation may go on with this configuration in place. */
void child_reload(struct suite *s, struct child *c);

#endif
