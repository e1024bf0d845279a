/* When a recipient that has failed is tried again. See retry.h. */
#include "retry.h"

#include "policy.h"
#include "run.h"
#include "settings.h"
#include "site.h"

/* Milliseconds between its last try (or that it could not be tried) and the next. */
static uint64_t wait_of(const struct message *m, const struct target *t, int64_t tried)
{
	uint64_t age = message_age(m, tried), ms;
	struct sched_site site = { .policy = POLICY_REMOTE };

	if (t->route != NULL)
		(void)site_known(t->route, &site);
	ms = UINT64_C(1000) * retry_seconds(policy_retry(site.policy), t->fault, t->attempts);
	if (ms != 0)
		return ms;
	return age < settings.minimal_backoff   ? settings.minimal_backoff
	       : age > settings.maximal_backoff ? settings.maximal_backoff
						: age;
}

bool retry_due(const struct message *m, const struct target *t)
{
	int64_t now = wall_millis(), tried = t->changed * 1000;

	/* a clock that ran backwards makes it due */
	if (m->all || t->fault == FAULT_NONE || t->attempts == 0 || t->maybe || tried > now)
		return true;
	return tried + (int64_t)(wait_of(m, t, tried) * 3 / 4) <= now;
}

uint64_t retry_next(const struct message *m)
{
	int64_t now = wall_millis(), next = INT64_MAX;

	for (uint32_t i = 0; i < m->ntargets; i++) {
		const struct target *t = &m->targets[i];
		int64_t tried = t->skipped ? t->changed * 1000 : now, at;

		if (target_final(t) || t->parked)
			continue;
		at = tried + (int64_t)wait_of(m, t, tried);
		next = at < next ? at : next;
	}
	if (next == INT64_MAX)
		next = now + (int64_t)settings.maximal_backoff;
	return sched_jitter(run_sched(), next > now + 1000 ? (uint64_t)(next - now) : 1000);
}
