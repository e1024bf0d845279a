/* How often each event has happened, since the process started: what metrics are made of. */
#ifndef LOG_COUNTERS_H
#define LOG_COUNTERS_H

#include "base/buf.h"

enum { COUNTERS_MAX = 512 }; /* names; the rest is counted as "other" */

void count_event(struct str name);
/* Lines "event.NAME N", in the order of first occurrence. */
void counters_write(struct buf *out);

#endif
