/* The control socket. See control.h. */
#include "control.h"

#include <sysexits.h>
#include <time.h>

#include "dkim.h"
#include "proto/callers.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "store.h"

enum { RECORD_MAX = 4096 };

/* All certificates, and whether each is the one in its files. */
static void describe_all(struct chan *c, struct chan_ref ref)
{
	struct buf b;
	unsigned faults = 0;

	buf_init(&b, RECORD_MAX);
	for (size_t i = 0; i < store_count(); i++) {
		const struct slot *s = store_slot(i);

		buf_reset(&b);
		store_describe(s, (int64_t)time(NULL), &b);
		caller_record(c, ref, buf_view(&b));
		faults += s->why[0] != '\0';
	}
	buf_clear(&b);
	caller_end(c, ref, faults == 0 ? EX_OK : EX_DATAERR,
	    faults == 0 ? "" : "not every certificate could be taken");
}

static int on_status(struct chan *c, struct ipc_msg *m)
{
	describe_all(c, (struct chan_ref){ m->id, m->gen });
	return 0;
}

static int on_reload(struct chan *c, struct ipc_msg *m)
{
	struct caller *caller = (struct caller *)c;

	if (caller->waiting)
		return -1;
	caller->waiting = true;
	caller->waits = (struct chan_ref){ m->id, m->gen };
	proc_ask_files();
	return 0;
}

static int on_dkim(struct chan *c, struct ipc_msg *m)
{
	struct chan_ref ref = { m->id, m->gen };
	bool good = true;
	struct buf b;

	buf_init(&b, RECORD_MAX);
	for (size_t i = 0; i < dkim_count(); i++) {
		buf_reset(&b);
		good &= dkim_describe(i, &b);
		caller_record(c, ref, buf_view(&b));
	}
	buf_clear(&b);
	caller_end(c, ref, good ? EX_OK : EX_DATAERR, good ? "" : "not every key could be taken");
	return 0;
}

void control_looked(void)
{
	for (struct caller *c = callers_next(NULL); c != NULL; c = callers_next(c))
		if (c->waiting) {
			c->waiting = false;
			describe_all(&c->chan, c->waits);
		}
}

static const struct chan_row rows[] = {
	{ KEYS_CTL_STATUS, 0, on_status },
	{ KEYS_CTL_RELOAD, 0, on_reload },
	{ KEYS_CTL_DKIM, 0, on_dkim },
	{ 0 },
};

void control_start(void)
{
	callers_start("socket.keys", rows);
}
