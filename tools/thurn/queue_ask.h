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

/* queue_act() for one that need not be there: then nothing is said, and nothing counted. */
int queue_act_quietly(const char *action, struct str id, uint64_t *count);

/* Messages that are in one of these queues (NULL ends the list); id "": whichever. */
struct queue_ids {
	char **list;
	size_t n;
};
int queue_find(struct queue_ids *ids, const char *id, const char *const *queues);
void queue_ids_clear(struct queue_ids *ids);

/* Prints what logins ("" = all) have sent to other hosts. The exit status. */
int queue_logins(const char *login, bool json);
/* Tries now what has a recipient in that domain. The exit status. */
int queue_flush_site(const char *domain, uint64_t *count);
/* Prints the counters, as JSON or as a table. */
int queue_summary(bool json);

enum { PART_ENVELOPE = 1, PART_HEADER = 2, PART_BODY = 4, PART_POSTCAT = 8 };
/* Prints these parts of a message; PART_POSTCAT: in the words of postcat(1). The exit status. */
int queue_show(const char *id, unsigned parts);

#endif
