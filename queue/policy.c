/* The policies of destinations. See policy.h. */
#include "policy.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "proto/lookup.h"
#include "proto/proc.h"
#include "sections.h"
#include "settings.h"
#include "source.h"
#include "suspend.h"

/* --- which ------------------------------------------------------------------------------------ */

static const struct conf_section *section_of(uint16_t policy)
{
	return policy < POLICY_SECTIONS ? NULL : sections_at((size_t)(policy - POLICY_SECTIONS));
}

uint16_t policy_match(struct str nexthop, const struct mail_reply *hosts)
{
	ssize_t section = sections_find(nexthop, hosts);

	return section == -1 ? POLICY_REMOTE : (uint16_t)(POLICY_SECTIONS + section);
}

bool policy_together(uint16_t policy)
{
	const struct conf_section *s = section_of(policy);

	return s != NULL && section_bool(s, "together");
}

struct str policy_name(uint16_t policy)
{
	const struct conf_section *s = section_of(policy);

	return s != NULL ? section_title(s) : policy == POLICY_LOCAL ? STR("local") : STR("remote");
}

bool policy_static_host(struct str name)
{
	const struct conf *c = proc_conf();

	for (size_t i = 0; i < conf_count(c, "static_hosts"); i++) {
		struct str rest = conf_item(c, "static_hosts", i), host;

		if (str_cut(&rest, '=', &host) && str_caseeq(host, name))
			return true;
	}
	return str_eq(name, STR("localhost"));
}

static struct retry_times *retries; /* by policy */
static uint16_t nretries;

const struct retry_times *policy_retry(uint16_t policy)
{
	return &retries[policy < nretries ? policy : POLICY_REMOTE];
}

/* --- the settings ----------------------------------------------------------------------------- */

/* They have been checked by master/config. */
static struct rates list_rates(const struct conf *c, const char *list)
{
	struct rates r = { 0 };

	for (size_t i = 0; i < conf_count(c, list); i++)
		(void)rates_parse(conf_item(c, list, i), &r);
	return r;
}

static void load_weights(const struct conf *c, struct sched *s)
{
	unsigned weights[LANES] = { 0 };

	for (size_t i = 0; i < conf_count(c, "lane_weights"); i++) {
		struct str rest = conf_item(c, "lane_weights", i), name;
		uint64_t n;

		if (str_cut(&rest, '=', &name) && lane_find(name) < LANES &&
		    str_u64(rest, LANE_WEIGHT_MAX, &n) == 0)
			weights[lane_find(name)] = (unsigned)n;
	}
	sched_set_weights(s, weights);
}

static struct sched_policy finish(struct sched_policy p)
{
	p.min_backoff = settings.minimal_backoff;
	p.max_backoff = settings.maximal_backoff;
	if (p.start > p.concurrency)
		p.start = p.concurrency;
	return p;
}

static uint32_t or_else(int64_t n, uint32_t otherwise)
{
	return n != 0 ? (uint32_t)n : otherwise;
}

static struct sched_policy of_section(
    const struct conf_section *sec, const struct sched_policy *all)
{
	struct sched_policy p = *all;

	p.concurrency = or_else(section_int(sec, "concurrency"), all->concurrency);
	p.start = or_else(section_int(sec, "concurrency_start"), all->start);
	p.batch = or_else(section_int(sec, "recipients"), all->batch);
	if (section_count(sec, "rate") > 0)
		p.rates = (struct rates){ 0 };
	for (size_t i = 0; i < section_count(sec, "rate"); i++)
		(void)rates_parse(section_item(sec, "rate", i), &p.rates);
	return finish(p);
}

static void load_transports(const struct conf *c, struct sched *s, uint32_t local_jobs)
{
	struct sched_limits remote = { .jobs = (uint32_t)conf_int(c, "remote_connections"),
		.rates = list_rates(c, "remote_rate") };

	sched_set_limits(s, TRANSPORT_MAILDIR, &(struct sched_limits){ .jobs = local_jobs });
	sched_set_limits(s, TRANSPORT_SMTP, &remote);
	sched_set_limits(s, TRANSPORT_LMTP, &remote);
}

static void load_retries(const struct conf *c, uint16_t n)
{
	struct retry_times *all;

	free(retries);
	all = retries = xcalloc(n, sizeof *retries);
	nretries = n;
	for (size_t i = 0; i < conf_count(c, "retry_times"); i++)
		(void)retry_parse(conf_item(c, "retry_times", i), &all[POLICY_REMOTE]);
	for (uint16_t p = POLICY_SECTIONS; p < n; p++) {
		const struct conf_section *s = section_of(p);

		all[p] = all[POLICY_REMOTE];
		for (size_t i = 0; i < section_count(s, "retry_times"); i++)
			(void)retry_parse(section_item(s, "retry_times", i), &all[p]);
	}
}

_Static_assert(
    (int)SCHED_POLICIES_MAX >= (int)POLICY_SECTIONS + (int)CONF_SECTIONS_MAX, "none is left out");

void policy_load(struct sched *s)
{
	static struct sched_policy p[SCHED_POLICIES_MAX];
	static struct str names[SCHED_POLICIES_MAX];
	const struct conf *c = proc_conf();
	/* enough that no worker ever waits for the next job */
	uint32_t local_jobs = (uint32_t)conf_int(c, "maildir_threads") * 3;
	const struct conf_section *sec;
	uint16_t n;

	sections_load(c);
	p[POLICY_REMOTE] = finish(
	    (struct sched_policy){ .concurrency = (uint32_t)conf_int(c, "destination_concurrency"),
		.start = (uint32_t)conf_int(c, "destination_concurrency_start"),
		.batch = (uint32_t)conf_int(c, "destination_recipients"),
		.rates = list_rates(c, "destination_rate") });
	p[POLICY_LOCAL] = finish(
	    (struct sched_policy){ .concurrency = local_jobs, .start = local_jobs, .batch = 20 });
	for (n = POLICY_SECTIONS; n < SCHED_POLICIES_MAX && (sec = section_of(n)) != NULL; n++)
		p[n] = of_section(sec, &p[POLICY_REMOTE]);
	for (uint16_t i = 0; i < n; i++)
		names[i] = i < POLICY_SECTIONS ? STR_NONE : policy_name(i);
	sched_set_policies(s, p, names, n);
	load_retries(c, n);
	load_transports(c, s, local_jobs);
	load_weights(c, s);
	source_load(s);
	suspend_sources();
}
