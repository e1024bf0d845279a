/*
 * Changes of the database that are ready share one batch, and so one sync. Each is embedded in its
 * owner.
 */
#ifndef AUTH_BATCH_H
#define AUTH_BATCH_H

#include <sys/queue.h>

#include "database.h"

struct pending {
	/* What it writes, within the batch. */
	enum db_result (*apply)(struct pending *p);
	/* It is on disk (DB_OK), or nothing of it happened. */
	void (*done)(struct pending *p, enum db_result r);
	enum db_result result;
	TAILQ_ENTRY(pending) next;
};

/* Writes it with the next batch, when the loop is about to sleep. */
void batch_add(struct pending *p);

#endif
