/*
 * Where the lines go: a file, standard output, or the system log. Lines wait in a bounded buffer and
 * leave when the loop is about to sleep; what does not fit is counted, never waited for.
 */
#ifndef LOG_SINK_H
#define LOG_SINK_H

#include <stdint.h>

#include "base/str.h"

enum sink_target { SINK_FILE, SINK_STDOUT, SINK_SYSLOG };

#define SINK_FILE_NAME "thurn.log"

/*
 * dir: the log directory, for SINK_FILE (stays the caller's); socket: of the system log. Before
 * confinement; the file itself is opened at the first line. -1 with errno.
 */
int sink_open(enum sink_target target, int dir, const char *socket);
void sink_close(void);

/* One line with its LF. */
void sink_line(struct str line);
/* Writes what can be written without waiting; tries again by itself later. */
void sink_flush(void);
/* Lines that were lost since it was asked last. */
uint64_t sink_take_lost(void);

#endif
