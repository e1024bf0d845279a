/* Making reports. See report.h. */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accept.h"
#include "base/crash.h"
#include "base/id.h"
#include "dsn.h"
#include "file.h"
#include "load.h"
#include "settings.h"
#include "spool.h"

enum {
	HEADER_READ = 64 * 1024, /* of the message, when only its header is returned */
	REPORT_RCPTS = 2000, /* that one report is about; more make another one */
	REPORT_MAX = 8 * 1024 * 1024, /* bytes of a report: so many recipients fit */
};

/* One report to one address. */
struct report {
	uint8_t kind;
	bool postmaster;
	struct str to;
	uint32_t *targets;
	uint32_t n;
	bool made; /* it is in the queue, or was already */
	struct message *child; /* NULL when it was there already */
	struct report *next;
};

/* --- who is told what ------------------------------------------------------------------------- */

static void add_to_report(
    struct message *m, uint8_t kind, struct str to, bool postmaster, uint32_t i)
{
	struct report *r = m->reports;

	while (r != NULL && !(r->kind == kind && r->postmaster == postmaster && str_eq(r->to, to) &&
				r->n < REPORT_RCPTS))
		r = r->next;
	if (r == NULL) {
		r = arena_alloc(&m->arena, sizeof *r);
		r->kind = kind;
		r->postmaster = postmaster;
		r->to = to;
		r->targets = arena_array(&m->arena,
		    m->ntargets < REPORT_RCPTS ? m->ntargets : REPORT_RCPTS, sizeof *r->targets);
		r->next = m->reports;
		m->reports = r;
	}
	r->targets[r->n++] = i;
}

/* Whether the sender wants to hear (RFC 3461 4.1): failure and delay, unless he said otherwise. */
static bool wants(const struct envelope_rcpt *r, uint8_t what)
{
	if (r->notify == 0)
		return what != NOTIFY_SUCCESS;
	return (r->notify & what) != 0;
}

static void failure_due(struct message *m, uint32_t i)
{
	struct target *t = &m->targets[i];
	struct str owner = t->route != NULL ? t->route->owner : STR_NONE;
	struct str sender = m->content.envelope.sender;

	if (owner.n > 0) {
		add_to_report(m, DSN_FAILURE, owner, false, i);
	} else if (!wants(target_rcpt(m, t), NOTIFY_FAILURE)) {
		target_set(t, SLOT_BOUNCED, true);
	} else if (sender.n > 0) {
		add_to_report(m, DSN_FAILURE, sender, false, i);
	} else if ((m->flags & SPOOL_DOUBLE) == 0) {
		add_to_report(m, DSN_FAILURE, str_of(settings.postmaster), true, i);
	} else {
		/* not even postmaster can be told */
		log_error(&m->tag, EV("report-dropped"), KS("to", target_rcpt(m, t)->addr));
		target_set(t, SLOT_BOUNCED, true);
	}
}

static void delay_due(struct message *m, uint32_t i)
{
	struct target *t = &m->targets[i];
	bool list = t->route != NULL && t->route->owner.n > 0;

	if ((t->flags & SLOT_WARNED) == 0 && !list && m->content.envelope.sender.n > 0 &&
	    wants(target_rcpt(m, t), NOTIFY_DELAY))
		add_to_report(m, DSN_DELAY, m->content.envelope.sender, false, i);
}

static void success_due(struct message *m, uint32_t i)
{
	struct target *t = &m->targets[i];

	if ((t->flags & SLOT_REPORTED) == 0 && !t->passed_on && m->content.envelope.sender.n > 0 &&
	    wants(target_rcpt(m, t), NOTIFY_SUCCESS))
		add_to_report(m, DSN_SUCCESS, m->content.envelope.sender, false, i);
}

bool report_due(struct message *m, uint64_t age)
{
	bool late = settings.delay_warning > 0 && age >= settings.delay_warning;

	m->reports = NULL;
	for (uint32_t i = 0; i < m->ntargets; i++) {
		struct target *t = &m->targets[i];
		/* of an alias with several targets, that it was expanded is the success */
		bool member = t->part > 0;

		if (t->expanded)
			success_due(m, i);
		else if (t->state == SLOT_FAILED)
			failure_due(m, i);
		else if (t->state == SLOT_DONE && !member)
			success_due(m, i);
		else if (!target_final(t) && late)
			delay_due(m, i);
	}
	return m->reports != NULL;
}

/* --- the text --------------------------------------------------------------------------------- */

/* Has the recipient an owner, who hears of all that follows? Of many, each has the same one. */
static bool is_list(const struct message *m, const struct target *t)
{
	for (uint32_t i = 0; t->expanded && i < m->ntargets; i++)
		if (m->targets[i].part > 0 && m->targets[i].rcpt == t->rcpt)
			return is_list(m, &m->targets[i]);
	return t->route != NULL && t->route->owner.n > 0;
}

/* RFC 3464 2.3.3: for who sends to a list, it has arrived there; behind an alias more may be heard. */
static uint8_t action_of(const struct message *m, const struct target *t)
{
	if (is_list(m, t))
		return DSN_DELIVERED;
	if (t->expanded)
		return DSN_EXPANDED;
	return t->route != NULL && t->route->transport != TRANSPORT_MAILDIR ? DSN_RELAYED
									    : DSN_DELIVERED;
}

/*
 * An alias does not tell its senders where it leads: neither the host there nor what that says.
 * The owner of a list, who is told of failures alone, and postmaster may know.
 */
static bool is_hidden(const struct report *r, const struct target *t, const struct envelope_rcpt *e)
{
	bool insider =
	    r->postmaster || (t->route != NULL && t->route->owner.n > 0 && r->kind == DSN_FAILURE);

	return t->route != NULL && !t->expanded && !insider && !str_caseeq(t->route->addr, e->addr);
}

static struct dsn_rcpt *fill_rcpts(struct message *m, const struct report *r)
{
	struct dsn_rcpt *out = arena_array(&m->arena, r->n, sizeof *out);

	for (uint32_t i = 0; i < r->n; i++) {
		const struct target *t = &m->targets[r->targets[i]];
		const struct envelope_rcpt *e = target_rcpt(m, t);

		out[i] = (struct dsn_rcpt){
			.addr = e->addr,
			.orcpt = e->orcpt,
			.hidden = is_hidden(r, t, e),
			.last = t->attempts > 0 ? t->changed : 0,
			.action = action_of(m, t),
		};
		if (!out[i].hidden)
			out[i].relay = t->relay;
		if (t->status != NULL)
			out[i].status = *t->status;
	}
	return out;
}

/* Whether all of the message comes back (RET, RFC 3461 4.3), and how much of it must be read. */
static bool whole_wanted(const struct message *m, const struct report *r)
{
	return r->kind == DSN_FAILURE && m->content.envelope.ret != RET_HDRS &&
	       m->content.envelope.tls != TLS_REQUIRED && /* RFC 8689 5 */
	       m->layout.body_size <= settings.bounce_size_limit;
}

/* Up to n bytes of the body; it was in use a moment ago, so this does not wait for a disk. */
static size_t read_body(const struct message *m, char *out, size_t n)
{
	ssize_t r = pread(m->fd, out, n, SPOOL_HEADER);

	return r > 0 ? (size_t)r : 0;
}

static int write_text(struct message *m, const struct report *r, uint64_t id, struct message *child)
{
	bool whole = whole_wanted(m, r);
	size_t n = whole || m->layout.body_size < HEADER_READ ? m->layout.body_size : HEADER_READ;
	char *body = arena_alloc(&child->arena, n + 1);
	struct dsn d = {
		.kind = r->kind,
		.postmaster = r->postmaster,
		.host = str_of(settings.hostname),
		.id = id,
		.about = m->tag.queue,
		.to = r->to,
		.envid = m->content.envelope.envid,
		.now = wall_seconds(),
		.arrival = m->content.envelope.arrival / 1000000,
		.release = m->content.envelope.release,
		.hold_for = m->content.envelope.hold_for,
		.utf8 = m->content.envelope.utf8,
		.rcpts = fill_rcpts(m, r),
		.nrcpts = r->n,
		.whole = whole,
	};

	d.until = (message_begin(m, wall_millis()) + (int64_t)settings.queue_lifetime) / 1000;
	d.message = str_bytes(body, read_body(m, body, n));
	d.words = words_for(r->postmaster ? r->to : m->content.envelope.sender, d.message);
	if (whole && d.message.n != n)
		d.whole = false;
	buf_init(&child->text, REPORT_MAX);
	return dsn_write(&child->text, &d, &child->content.envelope.eightbit);
}

/* --- the way into the queue ------------------------------------------------------------------- */

static void next_report(struct message *m);

static uint64_t name_report(struct message *m, const struct report *r)
{
	uint64_t *keys = arena_array(&m->arena, r->n, sizeof *keys);

	for (uint32_t i = 0; i < r->n; i++)
		keys[i] = target_number(&m->targets[r->targets[i]]);
	return dsn_id(
	    m->tag.queue, (uint8_t)(r->kind + (r->postmaster ? 8 : 0)), r->to, keys, r->n);
}

static void drop_child(struct report *r)
{
	struct entry *e = r->child->entry;

	message_free(r->child);
	if (e != NULL)
		entry_free(e);
	r->child = NULL;
}

/* Where the start has not come to its directory yet, this entry is the one that counts. */
static void keep_child(struct report *r)
{
	struct entry *e = r->child->entry;

	message_free(r->child);
	r->child = NULL;
	e->found = true;
	load_now(e);
}

static void child_sealed(struct message *child, int error)
{
	struct message *m = child->report_of;
	struct report *r = m->reports;

	while (r->child != child)
		r = r->next;
	/* EEXIST: it was made before a crash, and found again by its name */
	r->made = error == 0 || error == EEXIST;
	if (error == 0) {
		counts.reports++;
		message_state(child, M_WAITING);
		accept_sealed(child);
	} else if (r->made && child->entry != NULL) {
		keep_child(r);
	} else {
		if (!r->made)
			m->report_error = error;
		drop_child(r);
	}
	next_report(m);
}

static void make_child(struct message *m, struct report *r)
{
	uint64_t id = name_report(m, r);
	struct message *child = message_new(id);
	struct envelope *e = &child->content.envelope;

	r->child = child;
	child->report_of = m;
	child->tag.trace = m->tag.trace;
	child->flags = SPOOL_REPORT | (r->postmaster ? (uint32_t)SPOOL_DOUBLE : 0);
	child->parent = m->tag.queue;
	e->trace = m->tag.trace;
	e->arrival = wall_millis() * 1000;
	e->utf8 = m->content.envelope.utf8;
	e->tls = m->content.envelope.tls == TLS_REQUIRED ? TLS_REQUIRED : TLS_BY_POLICY;
	e->client = STR("local");
	e->protocol = STR("internal");
	e->rcpts = arena_alloc(&child->arena, sizeof *e->rcpts);
	e->rcpts[0].addr = arena_str(&child->arena, r->to);
	e->nrcpts = 1;
	if (write_text(m, r, id, child) == -1) {
		m->report_error = EMSGSIZE;
		drop_child(r);
		next_report(m);
		return;
	}
	child->layout.body_size = child->text.n;
	child->entry = entry_new(id, child->text.n, ENTRY_INCOMING);
	if (child->entry == NULL) {
		/* found at the start, but perhaps it was never finished */
		file_look(child, child_sealed);
		return;
	}
	child->entry->m = child;
	accept_targets(child);
	message_state(child, M_SEALING);
	file_seal(child, child_sealed);
}

/* Now it is on record that the reports exist: they may be delivered and vanish. */
static void on_record(struct message *m, int error)
{
	crash_point("report.after_record");
	for (struct report *r = m->reports; r != NULL; r = r->next) {
		char id[ID_TEXT + 1];

		if (r->child == NULL)
			continue;
		id_format(r->child->tag.queue, id);
		log_notice(&m->tag, EV("report-made"), KZ("report", id), KS("to", r->to),
		    KZ("kind", r->kind == DSN_FAILURE ? "failure"
			       : r->kind == DSN_DELAY ? "delay"
						      : "success"));
		accept_go(r->child);
	}
	m->report_done(m, error != 0 ? error : m->report_error);
}

static void mark_told(struct message *m, const struct report *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct target *t = &m->targets[r->targets[i]];

		if (r->kind == DSN_FAILURE) {
			target_set(t, SLOT_BOUNCED, true);
			continue;
		}
		t->flags |= r->kind == DSN_DELAY ? SLOT_WARNED : SLOT_REPORTED;
		t->generation++;
		t->dirty = t->hard = true;
	}
}

static void next_report(struct message *m)
{
	if (m->report_at != NULL) {
		struct report *r = m->report_at;

		m->report_at = r->next;
		crash_point("report.before_seal");
		make_child(m, r);
		return;
	}
	crash_point("report.after_seal");
	for (struct report *r = m->reports; r != NULL; r = r->next) {
		if (r->made)
			mark_told(m, r);
	}
	file_update(m, 0, true, on_record);
}

void report_make(struct message *m, void (*done)(struct message *m, int error))
{
	m->report_done = done;
	m->report_at = m->reports;
	m->report_error = 0;
	next_report(m);
}
