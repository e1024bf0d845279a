/* Messages of other parts of this host. See submit.h. */
#include "submit.h"

#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "base/alloc.h"
#include "file.h"
#include "mail/tlsrpt.h"
#include "proto/proc.h"
#include "proto/txt.h"
#include "proto/types.h"
#include "settings.h"
#include "space.h"
#include "tell.h"

enum { ASKED_MAX = 32 }; /* at once: more than services/policy has under way */

/* A report of which is not known yet whether that domain wants it there. */
struct asked {
	TAILQ_ENTRY(asked) next;
	struct ask ask;
	struct chan *client; /* NULL: it has gone */
	struct chan_ref ref;
	struct arena arena;
	struct queue_report report;
};

static TAILQ_HEAD(, asked) asked = TAILQ_HEAD_INITIALIZER(asked);
static unsigned nasked;

/* --- into the spool --------------------------------------------------------------------------- */

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

/* Takes it for that client. */
static void take(struct chan *client, struct chan_ref ref, const struct queue_report *r)
{
	struct message *m = message_new(message_id());

	fill_envelope(m, r);
	buf_init(&m->text, r->text.n);
	buf_str(&m->text, r->text);
	m->layout.body_size = m->text.n;
	m->client = client;
	m->ref = ref;
	m->entry = entry_new(m->tag.queue, m->text.n, ENTRY_INCOMING);
	m->entry->m = m;
	accept_targets(m);
	message_state(m, M_SEALING);
	file_seal(m, sealed);
}

/* --- whether it is wanted there --------------------------------------------------------------- */

static void refuse(struct chan *client, struct chan_ref ref, const struct status *st)
{
	struct put w = put_start();

	put_status(&w, st);
	if (client != NULL)
		chan_answer(client, ref, QUEUE_REPORT, &w, NULL, 0);
}

/* 0, or -1 with what to tell. */
static int judge(const struct asked *q, const struct dns_answer *a, struct status *st)
{
	struct tlsrpt t = { 0 };

	if (a->status != DNS_OK && !dns_empty(a->status)) {
		status_set(st, 451, "4.4.3", "whether it is wanted there cannot be looked up");
		return -1;
	}
	for (uint32_t i = 0; i < a->nrecords; i++)
		tlsrpt_add(&t, a->records[i].text);
	if (!tlsrpt_has_mail(&t, q->report.to)) {
		status_set(st, 550, "5.7.1", "the domain wants no reports mailed there");
		return -1;
	}
	return space_check(q->report.text.n, st);
}

static void end(struct asked *q)
{
	TAILQ_REMOVE(&asked, q, next);
	nasked--;
	arena_clear(&q->arena);
	free(q);
}

static void on_records(struct ask *ask, struct ipc_msg *m)
{
	struct asked *q = ask->arg;
	struct arena arena;
	struct dns_answer a;
	struct status st;
	struct str why;

	arena_init(&arena);
	a = txt_answer(m, &arena, &why);
	if (judge(q, &a, &st) == 0)
		take(q->client, q->ref, &q->report);
	else
		refuse(q->client, q->ref, &st);
	arena_clear(&arena);
	end(q);
}

static void look(struct chan *client, struct chan_ref ref, const struct queue_report *r)
{
	struct asked *q = xcalloc(1, sizeof *q);
	struct status st;

	arena_init(&q->arena);
	q->client = client;
	q->ref = ref;
	q->report = (struct queue_report){ .trace = r->trace,
		.to = arena_str(&q->arena, r->to),
		.text = arena_str(&q->arena, r->text) };
	TAILQ_INSERT_TAIL(&asked, q, next);
	nasked++;
	if (txt_ask(&q->ask, TLSRPT_LABEL, arena_z(&q->arena, r->domain), on_records, q))
		return;
	status_set(&st, 550, "5.7.1", "the domain is too long to want any");
	refuse(client, ref, &st);
	end(q);
}

int submit_on_report(struct chan *c, struct ipc_msg *msg)
{
	struct chan_ref ref = { msg->id, msg->gen };
	struct get g = get_start(msg->body);
	struct queue_report r;
	struct status st;

	if (get_queue_report(&g, &r) == -1)
		return -1;
	if (nasked >= ASKED_MAX) {
		status_set(&st, 451, "4.3.2", "too many reports at once");
		refuse(c, ref, &st);
	} else if (space_check(r.text.n, &st) == -1) {
		refuse(c, ref, &st);
	} else {
		look(c, ref, &r);
	}
	return 0;
}

void submit_down(struct chan *c)
{
	struct asked *q;

	TAILQ_FOREACH (q, &asked, next)
		if (q->client == c)
			q->client = NULL;
	accept_down(c);
}
