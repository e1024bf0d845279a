/* What keeps mail for a destination from going now. See why.h. */
#include "why.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/loop.h"
#include "policy.h"
#include "proto/control.h"
#include "proto/proc.h"
#include "record.h"
#include "run.h"
#include "settings.h"
#include "site.h"
#include "source.h"
#include "space.h"
#include "suspend.h"

static const char *const limiter_names[LIMITERS] = { [LIMIT_NONE] = "none",
	[LIMIT_WORKER] = "worker",
	[LIMIT_SUSPENSION] = "dead",
	[LIMIT_PAUSE] = "busy",
	[LIMIT_WINDOW] = "window",
	[LIMIT_CAP] = "cap",
	[LIMIT_RATE] = "rate",
	[LIMIT_SOURCES] = "sources",
	[LIMIT_JOBS] = "jobs",
	[LIMIT_TRANSPORT_RATE] = "transport-rate",
	[LIMIT_LANE] = "lane" };

/* --- one destination -------------------------------------------------------------------------- */

static void put_lanes(struct buf *b, const char *name, const uint32_t n[LANES])
{
	buf_printf(b, ", \"%s\": {", name);
	for (uint8_t l = 0; l < LANES; l++)
		buf_printf(b, "%s\"%s\": %u", l == 0 ? "" : ", ", lane_name(l).p, n[l]);
	buf_z(b, "}");
}

static void put_suspension(struct buf *b, const struct suspension *s)
{
	char name[SUSPEND_NAME_MAX + 16];

	snprintf(name, sizeof name, "%s%s", s->kind == SUSPEND_SOURCE ? "source=" : "", s->name);
	buf_z(b, "{\"name\": ");
	record_string(b, str_of(name));
	buf_printf(b, ", \"since\": %lld, \"until\": %lld, \"reason\": ", (long long)s->since,
	    (long long)s->until);
	record_string(b, str_of(s->reason));
	if (s->kind == SUSPEND_SLOW)
		buf_printf(b, ", \"slowed\": %u", (unsigned)s->factor);
	if (s->kind == SUSPEND_MOVE) {
		buf_z(b, ", \"moved_to\": ");
		record_string(b, suspend_moved_to(s));
	}
	if (s->pool[0] != '\0') {
		buf_z(b, ", \"source_pool\": ");
		record_string(b, str_of(s->pool));
	}
	if (s->rule[0] != '\0') {
		buf_z(b, ", \"rule\": ");
		record_string(b, str_of(s->rule));
		buf_z(b, ", \"where\": ");
		record_string(b, suspend_where(s));
	}
	buf_z(b, "}");
}

/* What replies have led to. */
static void put_reactions(struct buf *b, struct str nexthop, const struct sched_site *site)
{
	const struct suspension *s = NULL;
	bool first = true;

	buf_z(b, ", \"reactions\": [");
	while ((s = suspend_holding(s, nexthop, site)) != NULL) {
		if (s->rule[0] == '\0')
			continue;
		buf_z(b, first ? "" : ", ");
		put_suspension(b, s);
		first = false;
	}
	buf_z(b, "]");
}

static void put_source(struct buf *b, struct str name)
{
	const struct suspension *s = suspend_source(name);
	struct sched_source_view v;
	struct deliver_source source;
	char text[IP_TEXT];
	bool first = true;

	(void)source_get(name, &source);
	(void)sched_look_source(run_sched(), name, loop_now(), &v);
	buf_z(b, "{\"source\": ");
	record_string(b, name);
	buf_z(b, ", \"helo\": ");
	record_string(b, source.helo.n > 0 ? source.helo : conf_str(proc_conf(), "hostname"));
	buf_z(b, ", \"addresses\": [");
	for (int i = 0; i < 2; i++) {
		if (source.ip[i].family == 0)
			continue;
		ip_format(&source.ip[i], text);
		buf_printf(b, "%s\"%s\"", first ? "" : ", ", text);
		first = false;
	}
	buf_printf(
	    b, "], \"deliveries\": %u, \"cap\": %u", v.flying, v.jobs == UINT32_MAX ? 0 : v.jobs);
	if (v.wait > 0)
		buf_printf(b, ", \"rate\": \"%s\", \"wait_ms\": %llu", rate_name(v.rate),
		    (unsigned long long)v.wait);
	if (s != NULL) {
		buf_z(b, ", \"suspension\": ");
		put_suspension(b, s);
	}
	buf_z(b, "}");
}

static void put_pool(struct buf *b, struct str pool)
{
	struct str name;

	buf_z(b, "\"source_pool\": ");
	record_string(b, pool);
	buf_z(b, ", \"sources\": [");
	for (size_t i = 0; (name = source_of_pool(pool, i)).n > 0; i++) {
		buf_z(b, i > 0 ? ", " : "");
		put_source(b, name);
	}
	buf_z(b, "]");
}

/* The limiter, and how long it lasts. What is above the scheduler comes first. */
static void put_limiter(
    struct buf *b, const struct suspension *s, const struct sched_view *v, bool asked)
{
	const char *limiter = limiter_names[v->limiter];
	uint64_t wait = v->wait;

	if (space_has_failed()) {
		limiter = "volume";
		wait = 0;
	} else if (s != NULL) {
		int64_t left = s->until == 0 ? 0 : s->until - wall_seconds();

		limiter = "suspended";
		wait = left > 0 ? (uint64_t)left * 1000 : 0;
	} else if (asked && v->limiter == LIMIT_NONE) {
		limiter = "dns";
		wait = 0;
	}
	buf_printf(b, ", \"limiter\": \"%s\"", limiter);
	if (wait > 0)
		buf_printf(b, ", \"wait_ms\": %llu", (unsigned long long)wait);
	if (v->limiter == LIMIT_RATE || v->limiter == LIMIT_TRANSPORT_RATE)
		buf_printf(b, ", \"rate\": \"%s\"", rate_name(v->rate));
}

/* Whether a message would be passed on before its client is told that it is accepted. */
static void put_shortcut(
    struct buf *b, struct str name, const struct sched_site *site, const struct sched_view *v)
{
	const char *word = settings.remote_shortcut_time == 0 ? "off"
			   : run_is_quick(name, site)         ? "yes"
							      : "no";

	buf_printf(b, ", \"shortcut\": \"%s\"", word);
	if (v->pace > 0)
		buf_printf(b, ", \"pace_ms\": %.1f", v->pace);
}

static void put_destination(struct buf *b, struct str name, const struct sched_site *site,
    const struct sched_view *v, const struct suspension *s, bool asked)
{
	struct sched_site aside;
	struct sched_view parked = { 0 };

	buf_z(b, "{\"destination\": ");
	record_string(b, name);
	buf_printf(b, ", \"transport\": \"%s\", \"group\": ",
	    site->transport == TRANSPORT_MAILDIR ? "maildir"
	    : site->transport == TRANSPORT_LMTP  ? "lmtp"
						 : "smtp");
	record_string(b, site->key);
	buf_z(b, ", \"policy\": ");
	record_string(b, policy_name(v->policy));
	if (site->pool.n > 0) {
		buf_z(b, ", ");
		put_pool(b, site->pool);
	}
	put_limiter(b, s, v, asked);
	buf_printf(
	    b, ", \"deliveries\": %u, \"window\": %u, \"cap\": %u", v->flying, v->window, v->cap);
	buf_printf(b, ", \"transport_jobs\": %u, \"transport_cap\": %u", v->jobs, v->jobs_max);
	if (v->said.n > 0) {
		buf_printf(b, ", \"failed_at\": %lld, \"failure\": ",
		    (long long)(wall_seconds() - (int64_t)(v->said_ms / 1000)));
		record_string(b, v->said);
	}
	if (v->slow > 1)
		buf_printf(b, ", \"slowed\": %.1f, \"slowed_ms\": %llu", v->slow,
		    (unsigned long long)v->slow_ms);
	if (site->transport != TRANSPORT_MAILDIR)
		put_shortcut(b, name, site, v);
	put_lanes(b, "in_memory", v->queued);
	if (s != NULL) {
		aside = suspend_site(s);
		(void)sched_look(run_sched(), &aside, loop_now(), &parked);
		for (int l = 0; l < LANES; l++)
			parked.parked[l] += v->parked[l];
		buf_z(b, ", \"suspension\": ");
		put_suspension(b, s);
	}
	put_reactions(b, name, site);
	put_lanes(b, "on_disk", s != NULL ? parked.parked : v->parked);
	buf_z(b, "}");
}

/* The name is that of a next hop, or of a destination itself. */
static bool look(const struct route *r, struct sched_site *site, struct sched_view *v)
{
	struct sched_site itself = {
		.transport = r->transport, .key = r->nexthop, .pool = r->pool
	};

	(void)site_known(r, site);
	if (sched_look(run_sched(), site, loop_now(), v))
		return true;
	if (!sched_look(run_sched(), &itself, loop_now(), v))
		return false;
	*site = itself;
	return true;
}

static void answer_for(struct connection *c, struct chan_ref ref, struct str name,
    uint8_t transport, struct str pool, bool always)
{
	const struct route r = { .transport = transport, .nexthop = name, .pool = pool };
	struct sched_site site;
	struct sched_view v;
	bool found = look(&r, &site, &v);
	struct buf b;

	if (!found && !always)
		return;
	if (!found)
		(void)site_known(&r, &site); /* it may have been the other one that was looked at */
	suspend_slow(name, &site);
	(void)sched_look(run_sched(), &site, loop_now(), &v);
	buf_init(&b, IPC_BODY_MAX);
	put_destination(&b, name, &site, &v, suspend_find(name, &site), site_is_asked(&r));
	control_record(c, ref, buf_view(&b), -1);
	buf_clear(&b);
}

/* --- requests --------------------------------------------------------------------------------- */

int why_on_why(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str name = get_line(&g, NEXTHOP_MAX), pool;
	uint8_t transport = get_u8(&g);

	if (get_end(&g) == -1 || transport >= TRANSPORT_MAX)
		return -1;
	if (control_refused(c, ref))
		return 0;
	if (transport == TRANSPORT_MAILDIR) {
		answer_for(c, ref, STR(""), TRANSPORT_MAILDIR, STR_NONE, true);
		control_end(c, ref, EX_OK, "");
		return 0;
	}
	answer_for(c, ref, name, TRANSPORT_SMTP, STR_NONE, transport != TRANSPORT_LMTP);
	answer_for(c, ref, name, TRANSPORT_LMTP, STR_NONE, transport == TRANSPORT_LMTP);
	for (size_t i = 0; (pool = source_pool_at(i)).n > 0; i++)
		answer_for(c, ref, name, TRANSPORT_SMTP, pool, false);
	control_end(c, ref, EX_OK, "");
	return 0;
}

int why_on_suspend(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str name = get_line(&g, CONTROL_TEXT_MAX), reason;
	int64_t seconds = get_i64(&g);

	reason = get_line(&g, CONTROL_TEXT_MAX);
	if (get_end(&g) == -1)
		return -1;
	if (control_refused(c, ref))
		return 0;
	if (suspend_add(name, seconds, reason) == -1)
		control_end(c, ref, EX_DATAERR,
		    "That is no name of a destination or source, or there are too many");
	else
		control_end(c, ref, EX_OK, "");
	return 0;
}

int why_on_resume(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str name = get_line(&g, CONTROL_TEXT_MAX);

	if (get_end(&g) == -1)
		return -1;
	if (control_refused(c, ref))
		return 0;
	if (suspend_end(name))
		control_end(c, ref, EX_OK, "");
	else
		control_end(c, ref, EX_DATAERR, "Nothing of that name is suspended");
	return 0;
}

int why_on_suspended(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	const struct suspension *s = NULL;

	if (m->body.n != 0)
		return -1;
	if (control_refused(c, ref))
		return 0;
	while ((s = suspend_next(s)) != NULL) {
		struct buf b;

		buf_init(&b, IPC_BODY_MAX);
		put_suspension(&b, s);
		control_record(c, ref, buf_view(&b), -1);
		buf_clear(&b);
	}
	control_end(c, ref, EX_OK, "");
	return 0;
}

/* Those of a pool, or of all pools. */
int why_on_sources(struct chan *chan, struct ipc_msg *m)
{
	struct connection *c = (struct connection *)chan;
	struct chan_ref ref = { m->id, m->gen };
	struct get g = get_start(m->body);
	struct str wanted = get_line(&g, SOURCE_NAME_MAX), pool;

	if (get_end(&g) == -1)
		return -1;
	if (control_refused(c, ref))
		return 0;
	for (size_t i = 0; (pool = source_pool_at(i)).n > 0; i++) {
		struct buf b;

		if (wanted.n > 0 && !str_eq(pool, wanted))
			continue;
		buf_init(&b, IPC_BODY_MAX);
		buf_z(&b, "{");
		put_pool(&b, pool);
		buf_z(&b, "}");
		control_record(c, ref, buf_view(&b), -1);
		buf_clear(&b);
	}
	control_end(c, ref, EX_OK, "");
	return 0;
}
