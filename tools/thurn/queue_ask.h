/* What thurn queue, postqueue, postsuper, postcat and mailq ask the queue. */
#ifndef THURN_QUEUE_ASK_H
#define THURN_QUEUE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* The exit status of a list for mailq, or as JSON lines. where: "" = all. */
int queue_list(const char *where, bool json);

/* Does one action to a message (or "ALL"); adds how many it was done to. The exit status. */
int queue_act(const char *action, struct str id, const char *note, uint64_t *count);
/* The same for each of argv, where "-" reads ids from standard input, one on a line. */
int queue_act_each(const char *action, char *const *argv, const char *note, uint64_t *count);

/* Tries now what has a recipient in that domain. The exit status. */
int queue_flush_site(const char *domain, uint64_t *count);
/* Prints the counters, as JSON or as a table. */
int queue_summary(bool json);

enum { PART_ENVELOPE = 1, PART_HEADER = 2, PART_BODY = 4 };
/* Prints these parts of a message. */
int queue_show(const char *id, unsigned parts);

#endif
