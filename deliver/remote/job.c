/* Jobs of the queue. See job.h. */
#include "job.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "credential.h"
#include "hop.h"
#include "proto/types.h"
#include "reaction.h"
#include "session.h"

enum { TEXT_SHORT = 120 };
_Static_assert(JOB_RCPTS *(TEXT_SHORT + HOP_HOST_MAX + IP_TEXT + RESULT_TLS_MAX + 64) +
		       REACTION_NAME_MAX + REACTION_REPLY_MAX + TRANSCRIPT_MAX <
		   IPC_BODY_MAX,
    "must fit");

static LIST_HEAD(, job) jobs = LIST_HEAD_INITIALIZER(jobs);
static unsigned njobs;
static struct job_counts counts;

struct tag job_tag(const struct job *j)
{
	return (struct tag){ .trace = j->d.trace, .queue = j->d.id };
}

static void job_free(struct job *j)
{
	LIST_REMOVE(j, all);
	njobs--;
	ask_cancel(&j->ask);
	credential_release(j->credential);
	if (j->fd != -1)
		close(j->fd);
	body_downgrade_free(j->down);
	transcript_clear(&j->transcript);
	free(j->results);
	free(j->state);
	arena_clear(&j->arena);
	free(j);
}

int job_receive(struct chan *c, struct ipc_msg *m)
{
	struct job *j = xcalloc(1, sizeof *j);
	struct get g = get_start(m->body);

	arena_init(&j->arena);
	transcript_init(&j->transcript);
	j->fd = ipc_take_fd(m, 0);
	LIST_INSERT_HEAD(&jobs, j, all);
	njobs++;
	if (j->fd == -1 || get_job(&g, &j->arena, &j->d) == -1 ||
	    way_decode(j->d.way, &j->way) == -1 ||
	    (j->d.transport != TRANSPORT_SMTP && j->d.transport != TRANSPORT_LMTP)) {
		log_error(NULL, EV("remote-bad-job"));
		job_free(j);
		return -1;
	}
	j->chan = c;
	j->ref = (struct chan_ref){ m->id, m->gen };
	j->left = j->d.nrcpts;
	j->results = xcalloc(j->d.nrcpts, sizeof *j->results);
	j->state = xcalloc(j->d.nrcpts, sizeof *j->state);
	counts.jobs++;
	hop_choose(j);
	hop_submit(j);
	return 0;
}

static void count(const struct status *st)
{
	if (status_good(st))
		counts.sent++;
	else if (status_temporary(st))
		counts.deferred++;
	else
		counts.failed++;
}

/* Servers say so in words of their own; whether it is true is seen at the next try. */
static bool greylisted(const struct status *st)
{
	static const struct str words[] = { STR("greylist"), STR("graylist"), STR("grey list"),
		STR("gray list"), STR("grey-list"), STR("gray-list") };
	char text[STATUS_TEXT_MAX];
	size_t n = 0;

	for (; st->text[n] != '\0' && n < sizeof text; n++)
		text[n] = ascii_lower(st->text[n]);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (str_search(str_bytes(text, n), words[i]) != -1)
			return true;
	return false;
}

static bool is_reply(uint8_t fault)
{
	return fault == FAULT_REPLY || fault == FAULT_BUSY;
}

static uint8_t fault_of(uint8_t fault, const struct status *st)
{
	if (!is_reply(fault))
		return fault;
	if (!status_temporary(st))
		return fault == FAULT_BUSY ? FAULT_BUSY : FAULT_NONE;
	return greylisted(st) ? FAULT_GREYLIST : fault;
}

void job_settle(struct job *j, uint32_t i, const struct outcome *o)
{
	struct deliver_result *r = &j->results[i];

	if (j->state[i] == RCPT_SETTLED)
		return;
	j->state[i] = RCPT_SETTLED;
	j->left--;
	r->slot = j->d.rcpts[i].slot;
	r->status = *o->status;
	if (o->said != NULL)
		reaction_note(j, o->relay, o->said, &r->status);
	r->hop = j->order[j->at];
	r->relay = arena_str(&j->arena, str_take(o->relay, RELAY_MAX));
	r->tls = arena_str(&j->arena, str_take(o->tls, RESULT_TLS_MAX));
	r->fault = fault_of(o->fault, &r->status);
	r->reused = !j->connected;
	r->dsn = o->dsn;
	count(&r->status);
}

void job_settle_rest(struct job *j, const struct outcome *o)
{
	for (uint32_t i = 0; i < j->d.nrcpts; i++)
		job_settle(j, i, o);
}

static bool any_deferred(const struct job *j)
{
	for (uint32_t i = 0; i < j->d.nrcpts; i++)
		if (status_temporary(&j->results[i].status))
			return true;
	return false;
}

/* Many long texts of the server do not fit a packet together: then each is cut. */
static struct put encode(struct job *j)
{
	const struct deliver_results all = { .at = j->results,
		.n = j->d.nrcpts,
		.reaction = j->reaction.rule,
		.reply = j->reaction.reply,
		.transcript = any_deferred(j) ? buf_view(&j->transcript.text) : STR_NONE };
	struct put w = put_start();

	put_results(&w, &all);
	if (!w.bad)
		return w;
	for (uint32_t i = 0; i < j->d.nrcpts; i++)
		j->results[i].status.text[TEXT_SHORT] = '\0';
	w = put_start();
	put_results(&w, &all);
	return w;
}

void job_finish(struct job *j)
{
	if (j->chan != NULL) {
		struct put w = encode(j);

		crash_point("remote.before_answer");
		if (chan_answer(j->chan, j->ref, DELIVER_RESULT, &w, NULL, 0) == -1) {
			struct tag tag = job_tag(j);

			log_error(&tag, EV("remote-no-answer"), KI("rcpts", j->d.nrcpts));
		}
	}
	job_free(j);
}

void job_orphan(struct chan *c)
{
	struct job *j, *next;

	for (j = LIST_FIRST(&jobs); j != NULL; j = next) {
		next = LIST_NEXT(j, all);
		if (j->chan != c)
			continue;
		j->chan = NULL;
		if (j->session == NULL) {
			hop_withdraw(j);
			job_free(j);
		} else if (!session_committed(j->session)) {
			/* the queue will send it again; what has not reached its end must not
			 * arrive twice */
			session_abort(j->session);
			job_free(j);
		}
	}
}

unsigned job_count(void)
{
	return njobs;
}

const struct job_counts *job_counts(void)
{
	return &counts;
}
