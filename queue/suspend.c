/* What administrators, and rules, want of destinations and sources. See suspend.h. */
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
#include "proto/proc.h"
#include "run.h"
#include "source.h"
#include "spool.h"
#include "state.h"

enum {
	FILE_MAX = SUSPENSIONS_MAX * (SUSPEND_NAME_MAX + SUSPEND_REASON_MAX + REACTION_NAME_MAX +
					 SOURCE_NAME_MAX + 80),
	MOVES_MAX = 8,
	FOREVER_MS = 365 * 24 * 3600, /* times 1000: what never ends by itself */
};

static TAILQ_HEAD(suspension_list, suspension) all = TAILQ_HEAD_INITIALIZER(all);
static unsigned nall;

/* --- which ------------------------------------------------------------------------------------ */

const struct suspension *suspend_next(const struct suspension *s)
{
	return s == NULL ? TAILQ_FIRST(&all) : TAILQ_NEXT(s, next);
}

static struct suspension *by_name(struct str name, enum suspension_kind kind, struct str pool)
{
	struct suspension *s;

	TAILQ_FOREACH (s, &all, next) {
		if (s->kind == kind && str_caseeq(str_of(s->name), name) &&
		    str_eq(str_of(s->pool), pool))
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

bool suspend_holds(const struct suspension *s, struct str nexthop, const struct sched_site *site)
{
	struct str name = str_of(s->name);

	if (s->rule[0] != '\0' && !str_eq(str_of(s->pool), site->pool))
		return false;
	if (name.p[0] == '.' && nexthop.n > name.n &&
	    str_caseeq(str_skip(nexthop, nexthop.n - name.n), name))
		return true;
	return str_caseeq(name, nexthop) || str_caseeq(name, site->key) ||
	       (site->policy >= POLICY_SECTIONS && str_caseeq(name, policy_name(site->policy))) ||
	       one_of(site->key, name);
}

const struct suspension *suspend_holding(
    const struct suspension *after, struct str nexthop, const struct sched_site *site)
{
	const struct suspension *s = after;

	if (site->transport != TRANSPORT_SMTP && site->transport != TRANSPORT_LMTP)
		return NULL;
	while ((s = suspend_next(s)) != NULL &&
	       (s->kind == SUSPEND_SOURCE || !suspend_holds(s, nexthop, site)))
		;
	return s;
}

const struct suspension *suspend_source(struct str source)
{
	return by_name(source, SUSPEND_SOURCE, STR_NONE);
}

/* NULL as long as one of its sources is free, else the one that ends first. */
static const struct suspension *of_pool(struct str pool)
{
	const struct suspension *first = NULL, *s;
	struct str source;

	for (size_t i = 0; pool.n > 0 && (source = source_of_pool(pool, i)).n > 0; i++) {
		s = suspend_source(source);
		if (s == NULL)
			return NULL;
		if (first == NULL || first->until == 0 ||
		    (s->until != 0 && s->until < first->until))
			first = s;
	}
	return first;
}

const struct suspension *suspend_find(struct str nexthop, const struct sched_site *site)
{
	const struct suspension *s = NULL;

	while ((s = suspend_holding(s, nexthop, site)) != NULL && s->kind != SUSPEND_STOP)
		;
	return s != NULL ? s : of_pool(site->pool);
}

/* For so long from now, in milliseconds. */
static uint64_t time_left(const struct suspension *s)
{
	int64_t left = s->until == 0 ? FOREVER_MS : s->until - wall_seconds();

	return left > 0 ? (uint64_t)left * 1000 : 1;
}

void suspend_slow(struct str nexthop, const struct sched_site *site)
{
	const struct suspension *s = NULL, *most = NULL;

	while ((s = suspend_holding(s, nexthop, site)) != NULL) {
		if (s->kind == SUSPEND_SLOW && (most == NULL || s->factor > most->factor))
			most = s;
	}
	if (most != NULL)
		sched_slow(
		    run_sched(), site, most->factor, loop_now() + time_left(most), loop_now());
}

void suspend_sources(void)
{
	const struct suspension *s = NULL;

	while ((s = suspend_next(s)) != NULL) {
		if (s->kind == SUSPEND_SOURCE)
			sched_suspend_source(
			    run_sched(), str_of(s->name), loop_now() + time_left(s));
	}
}

/* Beside all destinations; no source shares one with a destination of its name. */
static struct sched_site site_aside(const struct suspension *s)
{
	return (struct sched_site){ .transport = SUSPEND_TRANSPORT,
		.key = str_of(s->name),
		.pool = s->kind == SUSPEND_SOURCE ? STR("source") : STR_NONE };
}

struct sched_site suspend_site(const struct suspension *s)
{
	struct sched_site site = site_aside(s);

	sched_suspend(run_sched(), &site, loop_now() + time_left(s), loop_now(), NULL);
	return site;
}

/* --- kinds ------------------------------------------------------------------------------------ */

static void begin_stop(const struct suspension *s)
{
	(void)suspend_site(s);
	run_recheck(s);
}

static void begin_source(const struct suspension *s)
{
	(void)suspend_site(s);
	suspend_sources();
	run_recheck(NULL);
}

static void begin_move(const struct suspension *s)
{
	(void)s;
	run_recheck(NULL);
}

static void end_stop(const struct suspension *s)
{
	struct sched_site aside = site_aside(s);

	sched_resume(run_sched(), &aside, loop_now());
}

/* The others that slow it down count again with its next message. */
static void end_slow(const struct suspension *s)
{
	struct sched_site site = site_aside(s);
	size_t pool = 0;

	do {
		for (uint8_t t = TRANSPORT_SMTP; t <= TRANSPORT_LMTP; t++) {
			site.transport = t;
			sched_slow(run_sched(), &site, 1, 0, loop_now());
		}
		site.pool = source_pool_at(pool++);
	} while (site.pool.n > 0);
}

/* Messages wait beside any of the sources that their pool has. */
static void end_source(const struct suspension *ended)
{
	const struct suspension *s = NULL;

	sched_suspend_source(run_sched(), str_of(ended->name), 0);
	while ((s = suspend_next(s)) != NULL) {
		struct sched_site aside = site_aside(s);

		if (s->kind == SUSPEND_SOURCE)
			sched_resume(run_sched(), &aside, loop_now());
	}
}

static const struct kind {
	const char *name; /* in the file, as in "slow=4", with the factor */
	const char *begun, *over; /* events */
	void (*begin)(const struct suspension *s);
	void (*end)(const struct suspension *s); /* while it is there still; NULL = nothing to do */
	bool moves; /* once it has gone, where mail goes out from is decided anew */
} kinds[SUSPEND_KINDS] = {
	[SUSPEND_STOP] = { "suspend", EV("destination-suspended"), EV("destination-resumed"),
	    begin_stop, end_stop, false },
	[SUSPEND_SLOW] = { "slow", EV("destination-slowed"), EV("destination-unslowed"),
	    run_recheck, end_slow, false },
	[SUSPEND_SOURCE] = { "source", EV("source-suspended"), EV("source-resumed"), begin_source,
	    end_source, false },
	[SUSPEND_MOVE] = { "move", EV("destination-moved"), EV("destination-moved-back"),
	    begin_move, NULL, true },
};

/* --- on disk ---------------------------------------------------------------------------------- */

int suspend_encode(struct buf *b)
{
	const struct suspension *s = NULL;

	while ((s = suspend_next(s)) != NULL)
		buf_printf(b, "%lld %lld %s=%u %s %s %s %s\n", (long long)s->since,
		    (long long)s->until, kinds[s->kind].name, (unsigned)s->factor,
		    s->rule[0] == '\0' ? "-" : s->rule, s->pool[0] == '\0' ? "-" : s->pool, s->name,
		    s->reason);
	return b->full ? -1 : 0;
}

static bool decode_kind(struct str *line, struct suspension *s)
{
	struct str factor, name;
	uint64_t n;

	if (!str_cut(line, ' ', &factor) || !str_cut(&factor, '=', &name) ||
	    str_u64(factor, UINT16_MAX, &n) == -1)
		return false;
	s->factor = (uint16_t)n;
	for (s->kind = 0; s->kind < SUSPEND_KINDS; s->kind++)
		if (str_eq(name, str_of(kinds[s->kind].name)))
			return true;
	return false;
}

/* "-" is none. */
static bool decode_title(struct str *line, char *out, size_t size)
{
	struct str title;

	if (!str_cut(line, ' ', &title) || title.n == 0)
		return false;
	return str_eq(title, STR("-")) || str_copy(title, out, size) == 0;
}

static struct suspension *decode_line(struct str line)
{
	struct suspension *s = xcalloc(1, sizeof *s);
	struct str name;

	s->since = state_number(&line);
	s->until = state_number(&line);
	if (s->since >= 0 && s->until >= 0 && decode_kind(&line, s) &&
	    decode_title(&line, s->rule, sizeof s->rule) &&
	    decode_title(&line, s->pool, sizeof s->pool) && str_cut(&line, ' ', &name) &&
	    line.p != NULL && name.n > 0 && str_copy(name, s->name, sizeof s->name) == 0 &&
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

static struct state file = { .file = STATE_SUSPENDED,
	.max = FILE_MAX,
	.encode = suspend_encode,
	.failed = EV("suspensions-not-written") };

/* --- begin and end ---------------------------------------------------------------------------- */

static bool good_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] <= ' ' || name.p[i] > '~')
			return false;
	}
	return name.n > 0 && name.n <= SUSPEND_NAME_MAX;
}

/* The one of that name and kind, perhaps a new one; NULL when there are too many. */
static struct suspension *get(struct str name, enum suspension_kind kind, struct str pool)
{
	struct suspension *s = by_name(name, kind, pool);

	if (s != NULL || nall >= SUSPENSIONS_MAX)
		return s;
	s = xcalloc(1, sizeof *s);
	s->kind = (uint8_t)kind;
	(void)str_copy(str_take(pool, SOURCE_NAME_MAX), s->pool, sizeof s->pool);
	for (size_t i = 0; i < name.n; i++)
		s->name[i] = ascii_lower(name.p[i]);
	TAILQ_INSERT_TAIL(&all, s, next);
	nall++;
	return s;
}

static void begin(struct suspension *s, int64_t seconds, struct str reason)
{
	s->since = wall_seconds();
	s->until = seconds > 0 ? s->since + seconds : 0;
	(void)str_copy(str_take(reason, SUSPEND_REASON_MAX), s->reason, sizeof s->reason);
	log_notice(NULL, kinds[s->kind].begun, KZ("name", s->name), KI("until", s->until),
	    KZ("reason", s->reason), KZ("rule", s->rule), KS("where", suspend_where(s)));
	state_write(&file);
	kinds[s->kind].begin(s);
}

/* "source=NAME", or the name of a destination. */
static enum suspension_kind kind_of(struct str *name)
{
	const struct str prefix = STR("source=");

	if (!str_starts(*name, prefix))
		return SUSPEND_STOP;
	*name = str_skip(*name, prefix.n);
	return SUSPEND_SOURCE;
}

static void end(struct suspension *s)
{
	const struct kind *kind = &kinds[s->kind];

	log_notice(NULL, kind->over, KZ("name", s->name), KZ("reason", s->reason),
	    KZ("rule", s->rule), KS("where", suspend_where(s)));
	if (kind->end != NULL)
		kind->end(s);
	remove_one(s);
	state_write(&file);
	if (kind->moves)
		run_recheck(NULL);
	else
		run_pump();
}

/* For what an administrator wants: of what rules have begun, the one goes that ends first. */
static void make_room(void)
{
	struct suspension *s, *first = NULL;

	TAILQ_FOREACH (s, &all, next)
		if (s->rule[0] != '\0' && (first == NULL || s->until < first->until))
			first = s;
	if (first != NULL && nall >= SUSPENSIONS_MAX)
		end(first);
}

int suspend_add(struct str name, int64_t seconds, struct str reason)
{
	enum suspension_kind kind = kind_of(&name);
	struct suspension *s;

	if (!good_name(name) || (kind == SUSPEND_SOURCE && !source_known(name)))
		return -1;
	if (by_name(name, kind, STR_NONE) == NULL)
		make_room();
	s = get(name, kind, STR_NONE);
	if (s == NULL)
		return -1;
	s->rule[0] = '\0';
	begin(s, seconds, reason);
	return 0;
}

bool suspend_end(struct str name)
{
	bool source = kind_of(&name) == SUSPEND_SOURCE, any = false;
	struct suspension *s, *next;

	for (s = TAILQ_FIRST(&all); s != NULL; s = next) {
		next = TAILQ_NEXT(s, next);
		if ((s->kind == SUSPEND_SOURCE) != source || !str_caseeq(str_of(s->name), name))
			continue;
		any = true;
		end(s);
	}
	return any;
}

/* Ends those for which over() is true. */
static void end_some(bool (*over)(const struct suspension *s))
{
	struct suspension *s, *next;

	for (s = TAILQ_FIRST(&all); s != NULL; s = next) {
		next = TAILQ_NEXT(s, next);
		if (over(s))
			end(s);
	}
}

static bool is_past(const struct suspension *s)
{
	return s->until != 0 && s->until <= wall_seconds();
}

void suspend_tick(void)
{
	end_some(is_past);
}

/* --- rules ------------------------------------------------------------------------------------ */

static const struct conf_section *section_of(struct str rule)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(proc_conf(), "reaction", i)) != NULL; i++)
		if (str_eq(section_title(s), rule))
			return s;
	return NULL;
}

struct str suspend_where(const struct suspension *s)
{
	const struct conf_section *sec = s->rule[0] == '\0' ? NULL : section_of(str_of(s->rule));

	return sec == NULL ? STR_NONE : section_where(sec, "reply");
}

static bool has_no_section(const struct suspension *s)
{
	return s->rule[0] != '\0' && section_of(str_of(s->rule)) == NULL;
}

void suspend_reload(void)
{
	end_some(has_no_section);
}

/* The same again: writing it down for each of many replies would be of no use. */
static void prolong(struct suspension *s, int64_t seconds)
{
	int64_t until = wall_seconds() + seconds;

	if (s->until == 0 || until - s->until < seconds / 10)
		return;
	s->until = until;
	state_write(&file);
	if (s->kind == SUSPEND_STOP)
		(void)suspend_site(s);
}

static enum suspension_kind kind_by(struct str action)
{
	return str_eq(action, STR("slow"))   ? SUSPEND_SLOW
	       : str_eq(action, STR("move")) ? SUSPEND_MOVE
					     : SUSPEND_STOP;
}

struct str suspend_moved_to(const struct suspension *s)
{
	const struct conf_section *sec = section_of(str_of(s->rule));

	return s->kind == SUSPEND_MOVE && sec != NULL ? section_str(sec, "source_pool") : STR_NONE;
}

void suspend_move(struct str nexthop, struct sched_site *site)
{
	const struct suspension *s = NULL;

	/* what has been moved there may be moved on, but not for ever */
	for (unsigned moves = 0; moves < MOVES_MAX;) {
		s = suspend_holding(s, nexthop, site);
		if (s == NULL)
			return;
		if (s->kind != SUSPEND_MOVE || suspend_moved_to(s).n == 0)
			continue;
		site->pool = suspend_moved_to(s);
		s = NULL;
		moves++;
	}
}

void suspend_react(
    struct str rule, struct str reply, struct str nexthop, const struct sched_site *site)
{
	const struct conf_section *sec = section_of(rule);
	struct str name = good_name(site->key) ? site->key : nexthop;
	struct suspension *s;
	int64_t seconds;
	enum suspension_kind kind;

	if (sec == NULL || !good_name(name))
		return;
	seconds = (int64_t)(section_time(sec, "time") / 1000);
	kind = kind_by(section_str(sec, "action"));
	s = get(name, kind, site->pool);
	if (s == NULL) {
		log_error(NULL, EV("reaction-too-many"), KS("rule", rule), KS("name", name));
		return;
	}
	/* what an administrator wants stays as it is */
	if (s->since != 0 && s->rule[0] == '\0')
		return;
	if (s->since != 0 && str_eq(str_of(s->rule), rule)) {
		prolong(s, seconds);
		return;
	}
	(void)str_copy(rule, s->rule, sizeof s->rule);
	s->factor = (uint16_t)section_int(sec, "factor");
	begin(s, seconds, reply);
}
