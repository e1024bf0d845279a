/*
 * What recipients have become: an alias its targets, a redirected recipient others. They are in
 * m->expansion, and must be on record (file_expand) before any of them is tried.
 */
#ifndef QUEUE_EXPAND_H
#define QUEUE_EXPAND_H

#include "message.h"

/* They are on record, in the last of m's parts: they become targets of their own. */
void expand_adopt(struct message *m);
/* They are not: who would have become them is deferred, with that reason. */
void expand_failed(struct message *m, const char *why);

#endif
