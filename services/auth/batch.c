/* Changes share a batch. See batch.h. */
#include "batch.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"

TAILQ_HEAD(pending_list, pending);
static struct pending_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct timer timer;

static void run(void *unused)
{
	struct pending_list now = TAILQ_HEAD_INITIALIZER(now);
	bool good = db_begin() == DB_OK;
	struct pending *p, *next;

	(void)unused;
	TAILQ_CONCAT(&now, &waiting, next);
	TAILQ_FOREACH (p, &now, next)
		p->result = good ? p->apply(p) : DB_FAULT;
	if (good && db_commit() == -1) {
		log_error(NULL, EV("account-write-failed"), KERRNO);
		TAILQ_FOREACH (p, &now, next)
			if (p->result == DB_OK)
				p->result = DB_FAULT;
	}
	for (p = TAILQ_FIRST(&now); p != NULL; p = next) {
		next = TAILQ_NEXT(p, next);
		p->done(p, p->result);
	}
}

void batch_add(struct pending *p)
{
	TAILQ_INSERT_TAIL(&waiting, p, next);
	if (!timer.armed)
		timer_set(&timer, 0, run, NULL);
}
