/* What an administrator has suspended. See suspend.h. */
#include "suspend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "message.h"
#include "policy.h"
#include "pool.h"
#include "run.h"
#include "spool.h"

enum {
	FILE_MAX = SUSPENSIONS_MAX * (SUSPEND_NAME_MAX + SUSPEND_REASON_MAX + 64),
	FOREVER_MS = 365 * 24 * 3600, /* times 1000: what never ends by itself */
};

static TAILQ_HEAD(suspension_list, suspension) all = TAILQ_HEAD_INITIALIZER(all);
static unsigned nall;

static struct save {
	struct task task;
	struct buf text;
	bool again; /* it has changed while it was being written */
} save;

/* --- which ------------------------------------------------------------------------------------ */

const struct suspension *suspend_next(const struct suspension *s)
{
	return s == NULL ? TAILQ_FIRST(&all) : TAILQ_NEXT(s, next);
}

static struct suspension *by_name(struct str name)
{
	struct suspension *s;

	TAILQ_FOREACH (s, &all, next) {
		if (str_caseeq(str_of(s->name), name))
			return s;
	}
	return NULL;
}

static bool one_of(struct str list, struct str name)
{
	struct str item;

	while (str_cut(&list, ',', &item)) {
		if (str_caseeq(item, name))
			return true;
	}
	return false;
}

static bool holds(const struct suspension *s, struct str nexthop, const struct sched_site *site)
{
	struct str name = str_of(s->name);

	if (name.p[0] == '.' && nexthop.n > name.n &&
	    str_caseeq(str_skip(nexthop, nexthop.n - name.n), name))
		return true;
	return str_caseeq(name, nexthop) || str_caseeq(name, site->key) ||
	       (site->policy >= POLICY_SECTIONS && str_caseeq(name, policy_name(site->policy))) ||
	       one_of(site->key, name);
}

const struct suspension *suspend_find(struct str nexthop, const struct sched_site *site)
{
	struct suspension *s;

	if (site->transport != TRANSPORT_SMTP && site->transport != TRANSPORT_LMTP)
		return NULL;
	TAILQ_FOREACH (s, &all, next) {
		if (holds(s, nexthop, site))
			return s;
	}
	return NULL;
}

struct sched_site suspend_site(const struct suspension *s)
{
	struct sched_site site = { .transport = SUSPEND_TRANSPORT, .key = str_of(s->name) };
	int64_t left = s->until == 0 ? FOREVER_MS : s->until - wall_seconds();

	sched_suspend(run_sched(), &site, loop_now() + (left > 0 ? (uint64_t)left * 1000 : 1),
	    loop_now(), NULL);
	return site;
}

/* --- on disk ---------------------------------------------------------------------------------- */

int suspend_encode(struct buf *b)
{
	const struct suspension *s = NULL;

	while ((s = suspend_next(s)) != NULL)
		buf_printf(b, "%lld %lld %s %s\n", (long long)s->since, (long long)s->until,
		    s->name, s->reason);
	return b->full ? -1 : 0;
}

static int64_t number(struct str *line)
{
	struct str word;
	uint64_t n;

	return str_cut(line, ' ', &word) && str_u64(word, INT64_MAX, &n) == 0 ? (int64_t)n : -1;
}

static struct suspension *decode_line(struct str line)
{
	struct suspension *s = xcalloc(1, sizeof *s);
	struct str name;

	s->since = number(&line);
	s->until = number(&line);
	if (s->since >= 0 && s->until >= 0 && str_cut(&line, ' ', &name) && line.p != NULL &&
	    name.n > 0 && str_copy(name, s->name, sizeof s->name) == 0 &&
	    str_copy(line, s->reason, sizeof s->reason) == 0)
		return s;
	free(s);
	return NULL;
}

static void remove_one(struct suspension *s)
{
	TAILQ_REMOVE(&all, s, next);
	nall--;
	free(s);
}

int suspend_decode(struct str text, int64_t now)
{
	struct suspension *s;
	struct str line;

	while (str_cut(&text, '\n', &line)) {
		if (line.n == 0)
			continue;
		s = nall < SUSPENSIONS_MAX ? decode_line(line) : NULL;
		if (s == NULL) {
			while ((s = TAILQ_FIRST(&all)) != NULL)
				remove_one(s);
			return -1;
		}
		TAILQ_INSERT_TAIL(&all, s, next);
		nall++;
		if (s->until != 0 && s->until <= now)
			remove_one(s);
	}
	return 0;
}

void suspend_open(void)
{
	struct buf b;

	buf_init(&b, FILE_MAX);
	if (spool_read_state(STATE_SUSPENDED, &b) == -1) {
		if (errno != ENOENT)
			log_error(NULL, EV("suspensions-lost"), KERRNO);
	} else if (suspend_decode(buf_view(&b), wall_seconds()) == -1) {
		log_error(NULL, EV("suspensions-lost"), KZ("error", "the file is damaged"));
	}
	buf_clear(&b);
}

static int run_save(struct task *t)
{
	struct save *s = (struct save *)t;

	return spool_write_state(STATE_SUSPENDED, buf_view(&s->text)) == -1 ? errno : 0;
}

static void write_down(void);

static void saved(struct task *t, int error)
{
	t->run = NULL;
	if (error != 0)
		log_warning(NULL, EV("suspensions-not-written"), KZ("error", strerror(error)));
	buf_clear(&save.text);
	if (save.again)
		write_down();
}

static void write_down(void)
{
	save.again = save.task.run != NULL;
	if (save.again)
		return;
	buf_init(&save.text, FILE_MAX);
	(void)suspend_encode(&save.text);
	save.task = (struct task){ .run = run_save, .done = saved, .sync_dir = POOL_NO_DIR };
	pool_submit(&save.task, POOL_WORK);
}

/* --- begin and end ---------------------------------------------------------------------------- */

static bool good_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	}
	return name.n > 0 && name.n <= SUSPEND_NAME_MAX;
}

int suspend_add(struct str name, int64_t seconds, struct str reason)
{
	struct suspension *s = by_name(name);

	if (!good_name(name) || (s == NULL && nall >= SUSPENSIONS_MAX))
		return -1;
	if (s == NULL) {
		s = xcalloc(1, sizeof *s);
		for (size_t i = 0; i < name.n; i++)
			s->name[i] = ascii_lower(name.p[i]);
		TAILQ_INSERT_TAIL(&all, s, next);
		nall++;
	}
	s->since = wall_seconds();
	s->until = seconds > 0 ? s->since + seconds : 0;
	(void)str_copy(str_take(reason, SUSPEND_REASON_MAX), s->reason, sizeof s->reason);
	log_notice(NULL, EV("destination-suspended"), KZ("name", s->name), KI("until", s->until),
	    KZ("reason", s->reason));
	write_down();
	(void)suspend_site(s);
	run_recheck();
	return 0;
}

static void end(struct suspension *s)
{
	struct sched_site site = { .transport = SUSPEND_TRANSPORT, .key = str_of(s->name) };

	log_notice(NULL, EV("destination-resumed"), KZ("name", s->name), KZ("reason", s->reason));
	sched_resume(run_sched(), &site, loop_now());
	remove_one(s);
	write_down();
	run_pump();
}

bool suspend_end(struct str name)
{
	struct suspension *s = by_name(name);

	if (s != NULL)
		end(s);
	return s != NULL;
}

void suspend_tick(void)
{
	struct suspension *s, *next;
	int64_t now = wall_seconds();

	for (s = TAILQ_FIRST(&all); s != NULL; s = next) {
		next = TAILQ_NEXT(s, next);
		if (s->until != 0 && s->until <= now)
			end(s);
	}
}
