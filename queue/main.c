/*
 * The queue manager: sole owner of the spool. Takes messages from smtpd, asks lookup for routes,
 * hands jobs to deliver-*, records the results, writes reports, answers the tools. See thurn-queue(8).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accept.h"
#include "base/crash.h"
#include "base/id.h"
#include "base/loop.h"
#include "charge.h"
#include "checkpoint.h"
#include "clock.h"
#include "control.h"
#include "credentials.h"
#include "format.h"
#include "job.h"
#include "load.h"
#include "outcome.h"
#include "pool.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "quirk.h"
#include "run.h"
#include "scan.h"
#include "sched.h"
#include "settings.h"
#include "site.h"
#include "space.h"
#include "spool.h"
#include "stock.h"
#include "submit.h"
#include "suspend.h"
#include "trash.h"

enum { TICK_MS = 1000, DRAIN_POLL_MS = 10, RAN_MS = 60 * 1000 };

static struct timer tick_timer, drain_timer;

/* --- peers ------------------------------------------------------------------------------------ */

static void smtpd_down(struct chan *c)
{
	stock_down(c);
	accept_down(c);
}

/* Jobs wait while there is nobody to do them. */
static void worker_changed(struct chan *c)
{
	(void)c;
	run_pump();
}

static const struct chan_row smtpd_rows[] = {
	{ QUEUE_STOCK, 0, stock_on_stock },
	{ QUEUE_LARGE, 0, stock_on_large },
	{ QUEUE_COMMIT, 0, accept_on_commit },
	{ QUEUE_ABORT, 0, stock_on_abort },
	{ 0 },
};

static const struct chan_row policy_rows[] = { { QUEUE_REPORT, 0, submit_on_report }, { 0 } };

static const struct chan_row no_rows[] = { { 0 } };

static const struct chan_row remote_rows[] = { { DELIVER_QUIRK, 0, quirk_on_found }, { 0 } };

static void remote_up(struct chan *c)
{
	quirk_worker_up(c);
	worker_changed(c);
}

static const struct peer_spec peers[] = {
	{ ROLE_SMTPD, .rows = smtpd_rows, .up = stock_up, .down = smtpd_down },
	{ ROLE_LOCAL, .rows = smtpd_rows, .up = stock_up, .down = smtpd_down },
	{ ROLE_SUBMIT, .rows = smtpd_rows, .up = stock_up, .down = smtpd_down },
	{ ROLE_LOOKUP, .rows = no_rows, .one = true },
	{ ROLE_MAILDIR, .rows = no_rows, .up = worker_changed, .down = worker_changed,
	    .one = true },
	{ ROLE_RESOLVER, .rows = no_rows, .one = true },
	{ ROLE_POLICY, .rows = policy_rows, .down = submit_down },
	{ ROLE_CREDENTIALS, .rows = no_rows, .up = credentials_up, .one = true },
	{ ROLE_REMOTE, .rows = remote_rows, .up = remote_up, .down = worker_changed, .one = true },
	{ 0 },
};

/* --- life ------------------------------------------------------------------------------------- */

/* In a thread: does the volume work again? */
static int run_probe(struct task *t)
{
	(void)t;
	return spool_probe() == -1 ? errno : 0;
}

static void probed(struct task *t, int error)
{
	t->run = NULL;
	if (error != 0)
		return;
	space_recovered();
	stock_tick();
	run_pump();
	load_pump();
}

static void probe_volume(void)
{
	static struct task probe;

	if (!space_has_failed() || probe.run != NULL)
		return;
	probe = (struct task){ .run = run_probe, .done = probed, .sync_dir = POOL_NO_DIR };
	pool_submit(&probe, POOL_WORK);
}

/* Whoever made them and could not sync that has failed; here it is said what this leaves. */
static void watch_lost(void)
{
	static unsigned told;
	unsigned n = spool_lost();

	if (n != told)
		log_error(NULL, EV("directories-lost"), KI("directories", n));
	told = n;
}

static int run_ran(struct task *t)
{
	(void)t;
	return spool_ran(wall_millis()) == -1 ? errno : 0;
}

static void ran_written(struct task *t, int error)
{
	t->run = NULL;
	if (error != 0)
		log_warning(NULL, EV("time-not-written"), KZ("error", strerror(error)));
}

/* The next process counts only the time that this one has run. */
static void write_ran(void)
{
	static struct task ran;

	if (ran.run != NULL)
		return;
	ran = (struct task){ .run = run_ran, .done = ran_written, .sync_dir = POOL_NO_DIR };
	pool_submit(&ran, POOL_WORK);
}

static void watch_clock(void)
{
	static uint64_t written;
	int64_t jump = clock_look(wall_millis(), (int64_t)loop_now());

	if (jump != 0)
		log_warning(NULL, EV("clock-jumped"), KI("seconds", jump / 1000));
	if (jump != 0 || written == 0 || loop_now() - written >= RAN_MS) {
		written = loop_now();
		write_ran();
	}
}

static void resume_clock(void)
{
	int64_t last, away;

	if (spool_last_ran(&last) == -1)
		return;
	away = clock_resume(wall_millis(), last);
	if (away != 0)
		log_notice(NULL, EV("time-away"), KI("seconds", away / 1000));
}

static void tick(void *arg)
{
	(void)arg;
	timer_set(&tick_timer, TICK_MS, tick, NULL);
	pool_poll();
	watch_clock();
	probe_volume();
	watch_lost();
	load_tick();
	stock_tick();
	charge_tick();
	suspend_tick();
	quirk_tick();
	checkpoint_tick();
	trash_tick();
}

static void volume_failed(int error)
{
	space_failed("directory", error);
}

static int queue_open(void)
{
	char why[256];

	crash_init();
	control_init();
	format_init();
	run_init(sched_new(id_random()));
	settings_load(run_sched());
	if (spool_open(proc_fd("spool"), why) == -1)
		proc_fatal("spool-refused", str_of(why));
	resume_clock();
	charge_open();
	suspend_open();
	suspend_sources();
	quirk_open();
	return 0;
}

static int queue_start(void)
{
	if (pool_init(settings.threads, spool_sync_dir) == -1) {
		log_error(NULL, EV("no-threads"), KERRNO);
		return -1;
	}
	pool_on_failure(volume_failed);
	load_init();
	scan_start();
	control_start();
	suspend_reload();
	tick(NULL);
	return 0;
}

static void queue_reload(void)
{
	settings_load(run_sched());
	site_reload();
	suspend_reload();
	run_recheck(NULL);
}

/* Jobs under way are waited for: a worker that has delivered must be able to say so. */
static void drain_check(void *arg)
{
	(void)arg;
	if (job_count() == 0 && pool_busy() == 0 && !checkpoint_busy() &&
	    message_count(M_ROUTING) == 0)
		proc_exit(0);
	timer_set(&drain_timer, DRAIN_POLL_MS, drain_check, NULL);
}

static void queue_drain(void)
{
	run_stop();
	load_stop();
	scan_stop();
	charge_save();
	write_ran();
	checkpoint_write();
	drain_check(NULL);
}

static void queue_status(struct buf *out)
{
	const struct sched_counts sched = sched_counts(run_sched(), loop_now());
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = {
		{ "active", counts.messages[ENTRY_ACTIVE] },
		{ "deferred", counts.messages[ENTRY_DEFERRED] },
		{ "held", counts.messages[ENTRY_HELD] },
		{ "trash", counts.messages[ENTRY_TRASH] },
		{ "accepted", counts.accepted },
		{ "shortcuts", counts.shortcuts },
		{ "delivered", counts.delivered },
		{ "failed", counts.failed },
		{ "reports", counts.reports },
		{ "damaged", counts.damaged },
		{ "held_back", outcome_held_back() },
		{ "destinations", sched.destinations },
		{ "suspended", sched.suspended },
		{ "slowed", sched.slowed },
		{ "parked", sched.parked },
		{ "flying", sched.flying },
		{ "packets", chan_packets() },
		{ "breaker_open", outcome_breaker_open() },
		{ "volume_failed", space_has_failed() },
		{ "directories_lost", spool_lost() },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		buf_printf(out, "%s %llu\n", rows[i].name, (unsigned long long)rows[i].n);
}

int main(void)
{
	static const struct program p = {
		.role = ROLE_QUEUE,
		.peers = peers,
		.open = queue_open,
		.start = queue_start,
		.reload = queue_reload,
		.drain = queue_drain,
		.status = queue_status,
	};

	return proc_main(&p);
}
