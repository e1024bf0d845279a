/* Messages of other parts of this host. See submit.h. */
#include "submit.h"

#include <string.h>

#include "accept.h"
#include "file.h"
#include "proto/queue.h"
#include "proto/types.h"
#include "settings.h"
#include "space.h"
#include "tell.h"

static void answer(struct message *m, const struct status *st)
{
	struct put w = put_start();

	put_status(&w, st);
	if (m->client != NULL)
		chan_answer(m->client, m->ref, QUEUE_REPORT, &w, NULL, 0);
	m->client = NULL;
}

static void sealed(struct message *m, int error)
{
	struct entry *e = m->entry;
	struct status st;

	if (error == 0) {
		accept_sealed(m);
		status_set(&st, 250, "2.0.0", "Ok");
		answer(m, &st);
		counts.accepted++;
		tell_accepted(m, "spool");
		accept_go(m);
		return;
	}
	log_error(&m->tag, EV("commit-failed"), KZ("error", strerror(error)));
	space_status(&st, error);
	answer(m, &st);
	message_free(m);
	entry_free(e);
}

/* RFC 8460 3, 5.3: whatever is reported must not keep the report from arriving. */
static void fill_envelope(struct message *m, const struct queue_report *r)
{
	struct envelope *e = &m->content.envelope;

	m->tag.trace = e->trace = r->trace;
	m->flags = SPOOL_REPORT;
	e->sender = arena_str(&m->arena, str_of(settings.tls_report_sender));
	e->arrival = wall_millis() * 1000;
	e->tls = TLS_WAIVED;
	e->client = STR("local");
	e->protocol = STR("internal");
	e->rcpts = arena_alloc(&m->arena, sizeof *e->rcpts);
	e->rcpts[0] =
	    (struct envelope_rcpt){ .addr = arena_str(&m->arena, r->to), .notify = NOTIFY_NEVER };
	e->nrcpts = 1;
}

int submit_on_report(struct chan *c, struct ipc_msg *msg)
{
	struct get g = get_start(msg->body);
	struct put w = put_start();
	struct queue_report r;
	struct message *m;
	struct status st;

	if (get_queue_report(&g, &r) == -1)
		return -1;
	if (space_check(r.text.n, &st) == -1) {
		put_status(&w, &st);
		chan_reply(c, msg, QUEUE_REPORT, &w, NULL, 0);
		return 0;
	}
	m = message_new(message_id());
	fill_envelope(m, &r);
	buf_init(&m->text, r.text.n);
	buf_str(&m->text, r.text);
	m->layout.body_size = m->text.n;
	m->client = c;
	m->ref = (struct chan_ref){ msg->id, msg->gen };
	m->entry = entry_new(m->tag.queue, m->text.n, ENTRY_INCOMING);
	m->entry->m = m;
	accept_targets(m);
	message_state(m, M_SEALING);
	file_seal(m, sealed);
	return 0;
}
