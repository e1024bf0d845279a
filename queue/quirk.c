/* What servers say that they can do and cannot. See quirk.h. */
#include "quirk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sysexits.h>

#include "base/alloc.h"
#include "base/log.h"
#include "message.h"
#include "proto/callers.h"
#include "proto/control.h"
#include "proto/proc.h"
#include "proto/quirk.h"
#include "proto/types.h"
#include "record.h"
#include "settings.h"
#include "state.h"
#include "walk.h"

enum { FILE_MAX = QUIRKS_MAX * (QUIRK_HOST_MAX + QUIRK_REASON_MAX + 80) };

struct known {
	TAILQ_ENTRY(known) next;
	int64_t since, until; /* seconds since 1970; until 0 = until it is deleted */
	uint8_t kind;
	bool found; /* by deliver/remote; else by an administrator */
	char host[QUIRK_HOST_MAX + 1];
	char reason[QUIRK_REASON_MAX + 1];
};

static TAILQ_HEAD(known_list, known) all = TAILQ_HEAD_INITIALIZER(all);
static unsigned nall;
static struct state file = { .file = STATE_QUIRKS,
	.max = FILE_MAX,
	.encode = quirk_encode,
	.failed = EV("quirks-not-written") };

/* --- to the workers --------------------------------------------------------------------------- */

static const struct known *telling;
static bool telling_on;

static void tell_one(struct chan *c)
{
	struct put w = put_start();
	const struct quirk q = { .host = str_of(telling->host),
		.kind = telling->kind,
		.on = telling_on,
		.reason = STR_NONE };

	put_quirk(&w, &q);
	chan_send(c, DELIVER_QUIRK, &w, NULL, 0);
}

static void tell(const struct known *k, bool on)
{
	telling = k;
	telling_on = on;
	proc_each_peer(ROLE_REMOTE, tell_one);
}

void quirk_worker_up(struct chan *c)
{
	telling_on = true;
	TAILQ_FOREACH (telling, &all, next)
		tell_one(c);
}

/* --- which ------------------------------------------------------------------------------------ */

static struct known *find(struct str host, uint8_t kind)
{
	struct known *k;

	TAILQ_FOREACH (k, &all, next) {
		if (k->kind == kind && str_caseeq(str_of(k->host), host))
			return k;
	}
	return NULL;
}

static void forget(struct known *k)
{
	TAILQ_REMOVE(&all, k, next);
	nall--;
	free(k);
}

static void end(struct known *k)
{
	log_notice(
	    NULL, EV("quirk-forgotten"), KZ("host", k->host), KZ("quirk", quirk_name(k->kind)));
	tell(k, false);
	forget(k);
	state_write(&file);
}

/* When it is full: what was found out and has the least time left goes, it would be found out again. */
static void make_room(void)
{
	struct known *k, *first = NULL;

	if (nall < QUIRKS_MAX)
		return;
	TAILQ_FOREACH (k, &all, next) {
		if (k->found && (first == NULL || k->until < first->until))
			first = k;
	}
	if (first != NULL)
		end(first);
}

static struct known *learn(const struct quirk *q)
{
	struct known *k;

	make_room();
	if (nall >= QUIRKS_MAX)
		return NULL;
	k = xcalloc(1, sizeof *k);
	k->kind = q->kind;
	for (size_t i = 0; i < q->host.n; i++)
		k->host[i] = ascii_lower(q->host.p[i]);
	TAILQ_INSERT_TAIL(&all, k, next);
	nall++;
	return k;
}

/* -1 when there are too many of administrators. */
static int set(const struct quirk *q, int64_t seconds, bool found)
{
	struct known *k = find(q->host, q->kind);

	if (k == NULL)
		k = learn(q);
	if (k == NULL)
		return -1;
	k->since = wall_seconds();
	k->until = seconds > 0 ? k->since + seconds : 0;
	k->found = found;
	(void)str_copy(str_take(q->reason, QUIRK_REASON_MAX), k->reason, sizeof k->reason);
	log_notice(NULL, EV("quirk"), KZ("host", k->host), KZ("quirk", quirk_name(k->kind)),
	    KI("until", k->until), KZ("reason", k->reason), KZ("found", found ? "yes" : "no"));
	tell(k, true);
	state_write(&file);
	return 0;
}

/* What makes mail go in plain text, an attacker may have brought about: he would have to do so again and again. */
static int64_t found_seconds(uint8_t kind)
{
	uint64_t ms = settings.quirk_time;

	if (kind == QUIRK_STARTTLS && settings.plain_time < ms)
		ms = settings.plain_time;
	return (int64_t)((ms + 999) / 1000);
}

int quirk_on_found(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct quirk q;
	const struct known *k;

	(void)c;
	if (get_quirk(&g, &q) == -1)
		return -1;
	k = find(q.host, q.kind);
	/* what an administrator has said stays as it is */
	if (found_seconds(q.kind) > 0 && (k == NULL || k->found) &&
	    set(&q, found_seconds(q.kind), true) == -1)
		log_warning(NULL, EV("quirks-too-many"), KS("host", q.host));
	return 0;
}

void quirk_tick(void)
{
	struct known *k, *next;
	int64_t now = wall_seconds();

	for (k = TAILQ_FIRST(&all); k != NULL; k = next) {
		next = TAILQ_NEXT(k, next);
		if (k->until != 0 && k->until <= now)
			end(k);
	}
}

/* --- on disk ---------------------------------------------------------------------------------- */

int quirk_encode(struct buf *b)
{
	const struct known *k;

	TAILQ_FOREACH (k, &all, next)
		buf_printf(b, "%lld %lld %s %s %s %s\n", (long long)k->since, (long long)k->until,
		    k->found ? "found" : "set", quirk_name(k->kind), k->host, k->reason);
	return b->full ? -1 : 0;
}

static void forget_all(void)
{
	while (!TAILQ_EMPTY(&all))
		forget(TAILQ_FIRST(&all));
}

static struct known *decode_line(struct str line)
{
	struct known *k = xcalloc(1, sizeof *k);
	struct str by = STR_NONE, name = STR_NONE, host = STR_NONE;
	int kind;

	k->since = state_number(&line);
	k->until = state_number(&line);
	(void)(str_cut(&line, ' ', &by) && str_cut(&line, ' ', &name) &&
	       str_cut(&line, ' ', &host));
	kind = quirk_kind(name);
	k->found = str_eq(by, STR("found"));
	if (k->since >= 0 && k->until >= 0 && kind != -1 && quirk_host_valid(host) &&
	    line.p != NULL && str_copy(host, k->host, sizeof k->host) == 0 &&
	    str_copy(line, k->reason, sizeof k->reason) == 0) {
		k->kind = (uint8_t)kind;
		return k;
	}
	free(k);
	return NULL;
}

int quirk_decode(struct str text, int64_t now)
{
	struct known *k;
	struct str line;

	while (str_cut(&text, '\n', &line)) {
		if (line.n == 0)
			continue;
		k = nall < QUIRKS_MAX ? decode_line(line) : NULL;
		if (k == NULL) {
			forget_all();
			return -1;
		}
		TAILQ_INSERT_TAIL(&all, k, next);
		nall++;
		if (k->until != 0 && k->until <= now)
			forget(k);
	}
	return 0;
}

void quirk_open(void)
{
	struct buf b;

	buf_init(&b, FILE_MAX);
	if (spool_read_state(STATE_QUIRKS, &b) == -1) {
		if (errno != ENOENT)
			log_error(NULL, EV("quirks-lost"), KERRNO);
	} else if (quirk_decode(buf_view(&b), wall_seconds()) == -1) {
		log_error(NULL, EV("quirks-lost"), KZ("error", "the file is damaged"));
	}
	buf_clear(&b);
}

/* --- requests --------------------------------------------------------------------------------- */

static void put_known(struct buf *b, const struct known *k)
{
	buf_z(b, "{\"host\": ");
	record_string(b, str_of(k->host));
	buf_printf(b, ", \"quirk\": \"%s\", \"found\": %s, \"since\": %lld, \"until\": %lld",
	    quirk_name(k->kind), k->found ? "true" : "false", (long long)k->since,
	    (long long)k->until);
	buf_z(b, ", \"reason\": ");
	record_string(b, str_of(k->reason));
	buf_z(b, "}");
}

int quirk_on_list(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	const struct known *k;
	struct buf b;

	if (m->body.n != 0)
		return -1;
	if (control_refused(c, ref))
		return 0;
	TAILQ_FOREACH (k, &all, next) {
		buf_init(&b, IPC_BODY_MAX);
		put_known(&b, k);
		control_record(c, ref, buf_view(&b), -1);
		buf_clear(&b);
	}
	control_end(c, ref, EX_OK, "");
	return 0;
}

int quirk_on_set(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	int64_t seconds = get_i64(&g);
	struct known *k;
	struct quirk q;

	if (get_quirk(&g, &q) == -1)
		return -1;
	if (control_refused(c, ref))
		return 0;
	k = find(q.host, q.kind);
	if (!q.on && k == NULL) {
		control_end(c, ref, EX_DATAERR, "Nothing like that is known of that host");
		return 0;
	}
	if (!q.on) {
		end(k);
	} else if (set(&q, seconds, false) == -1) {
		control_end(c, ref, EX_TEMPFAIL, "There are too many already");
		return 0;
	}
	control_end(c, ref, EX_OK, "");
	return 0;
}
