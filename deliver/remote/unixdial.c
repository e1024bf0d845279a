/* Connections to Unix sockets. See unixdial.h. */
#include "unixdial.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "proto/proc.h"

struct unixdial {
	LIST_ENTRY(unixdial) next;
	uint32_t token;
	void (*done)(void *arg, int *fd, int error);
	void *arg;
};

static LIST_HEAD(, unixdial) all = LIST_HEAD_INITIALIZER(all);

struct unixdial *unixdial_start(
    struct str path, void (*done)(void *arg, int *fd, int error), void *arg)
{
	static uint32_t token;
	struct unixdial *d = xcalloc(1, sizeof *d);

	*d = (struct unixdial){ .token = ++token, .done = done, .arg = arg };
	LIST_INSERT_HEAD(&all, d, next);
	proc_ask_connection(path, d->token);
	return d;
}

void unixdial_cancel(struct unixdial *d)
{
	if (d == NULL)
		return;
	LIST_REMOVE(d, next);
	free(d);
}

void unixdial_connected(uint32_t token, int *fd, int error)
{
	struct unixdial *d;

	LIST_FOREACH (d, &all, next) {
		if (d->token == token) {
			void (*done)(void *, int *, int) = d->done;
			void *arg = d->arg;

			unixdial_cancel(d);
			done(arg, fd, error);
			return;
		}
	}
}
