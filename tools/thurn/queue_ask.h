/* What thurn queue, postqueue, postsuper, postcat and mailq ask the queue. */
#ifndef THURN_QUEUE_ASK_H
#define THURN_QUEUE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ipc.h"
#include "base/str.h"

/* Text as a value of a query: what is special in it is not. Of the arena. */
struct str queue_value(struct arena *a, const char *text);

/* The exit status of a list for mailq, or as JSON lines. where: an id, or a query; "" = all.
 * trash: of what was deleted. */
int queue_list(const char *where, bool trash, bool json);
/* The same for whoever wants the records, each a JSON object. */
typedef void queue_record_fn(void *arg, struct str json, struct ipc_msg *m);
int queue_records(const char *where, bool trash, queue_record_fn *record, void *arg);

/* What is to be done, and how that is told. */
struct queue_order {
	const char *action;
	const char *note; /* for the log */
	const char *to, *nexthop; /* of redirect; NULL = the other one */
	bool dry; /* only lists what it would be done to */
	bool json;
	uint64_t count; /* of messages it was done to: added up */
};
/* Does it to a message, to what a query asks for, or to "ALL". The exit status. */
int queue_act(struct queue_order *o, struct str where);
/* The same for each of argv: an id, @DOMAIN, or "-", which reads ids from standard input, one on a
 * line. */
int queue_act_each(struct queue_order *o, char *const *argv);
/* queue_act() for one that need not be there: then nothing is said, and nothing counted. */
int queue_act_quietly(struct queue_order *o, struct str id);

/* Messages that are in one of these queues (NULL ends the list); id "": whichever. */
struct queue_ids {
	char **list;
	size_t n;
};
int queue_find(struct queue_ids *ids, const char *id, const char *const *queues);
void queue_ids_clear(struct queue_ids *ids);

/* Prints what logins ("" = all) have sent to other hosts. The exit status. */
int queue_logins(const char *login, bool json);
/* Prints how old what a query asks for is, by the domain of recipients or senders. The exit status. */
int queue_shape(const char *where, bool by_sender, uint32_t rows, bool json);
/* Prints the counters, as JSON or as a table. */
int queue_summary(bool json);

enum { PART_ENVELOPE = 1, PART_HEADER = 2, PART_BODY = 4, PART_POSTCAT = 8, PART_JSON = 16 };
/*
 * Prints these parts of a message; PART_POSTCAT: in the words of postcat(1); PART_JSON: the envelope as
 * one object. The exit status.
 */
int queue_show(const char *id, unsigned parts);

#endif
