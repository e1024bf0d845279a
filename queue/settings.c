/* The settings of the queue. See settings.h. */
#include "settings.h"

#include <stdio.h>
#include <unistd.h>

#include "policy.h"
#include "proto/deliver.h"
#include "proto/proc.h"
#include "words.h"

struct settings settings;

static void load_names(const struct conf *c)
{
	if (str_copy(conf_str(c, "hostname"), settings.hostname, sizeof settings.hostname) == -1)
		settings.hostname[0] = '\0';
	if (str_copy(conf_str(c, "postmaster"), settings.postmaster, sizeof settings.postmaster) ==
	    -1)
		settings.postmaster[0] = '\0';
	if (settings.postmaster[0] == '\0')
		snprintf(settings.postmaster, sizeof settings.postmaster, "postmaster@%s",
		    settings.hostname);
	reporter_address(c, settings.tls_report_sender);
}

void settings_load(struct sched *s)
{
	const struct conf *c = proc_conf();

	settings.minimal_backoff = conf_time(c, "minimal_backoff");
	settings.maximal_backoff = conf_time(c, "maximal_backoff");
	if (settings.maximal_backoff < settings.minimal_backoff)
		settings.maximal_backoff = settings.minimal_backoff;
	settings.queue_lifetime = conf_time(c, "queue_lifetime");
	settings.bounce_lifetime = conf_time(c, "bounce_lifetime");
	settings.trash_time = conf_time(c, "trash_time");
	settings.remote_shortcut_time = conf_time(c, "remote_shortcut_time");
	settings.quirk_time = conf_time(c, "remote_quirk_time");
	settings.plain_time = conf_time(c, "remote_tls_plain_time");
	settings.delay_warning = conf_time(c, "delay_warning");
	settings.bounce_size_limit = conf_size(c, "bounce_size_limit");
	settings.message_size_limit = conf_size(c, "message_size_limit");
	settings.minimal_free = conf_size(c, "queue_minimal_free");
	settings.minimal_inodes = (uint64_t)conf_int(c, "queue_minimal_inodes");
	settings.login_hour = (uint32_t)conf_int(c, "login_hourly_limit");
	settings.login_day = (uint32_t)conf_int(c, "login_daily_limit");
	settings.login_notice = (uint32_t)conf_int(c, "login_limit_notice");
	settings.threads = (unsigned)conf_int(c, "queue_threads");
	settings.breaker = (struct breaker_limits){
		.failures = (uint32_t)conf_int(c, "breaker_failures"),
		.percent = (uint32_t)conf_int(c, "breaker_percent"),
		.window = conf_time(c, "breaker_window"),
		.hold = conf_time(c, "breaker_hold"),
	};
	load_names(c);
	policy_load(s);
	words_load(c);
}
