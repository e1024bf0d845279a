/* Joins the topics of settings, in the order of the manual page. */
#include "proto/settings.h"

#include <pthread.h>

#include "base/alloc.h"

static struct setting_rows (*const topics[])(void) = {
	settings_suite,
	settings_accounts,
	settings_pam,
	settings_imap,
	settings_smtp,
	settings_submission,
	settings_routing,
	settings_queue,
	settings_remote,
	settings_tls_report,
	settings_dns,
	settings_fetch,
	settings_tls,
	settings_users,
	settings_listener,
	settings_certificate,
	settings_dkim,
	settings_report,
	settings_destination,
	settings_reaction,
	settings_source,
};

enum { TOPICS = sizeof topics / sizeof topics[0] };

/* All of them by number, made at the first question: they are asked for some 50,000 times a start. */
static const struct setting **all;
static size_t nall;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void join(void)
{
	for (size_t t = 0; t < TOPICS; t++)
		nall += topics[t]().n;
	all = xcalloc(nall, sizeof *all);
	for (size_t t = 0, i = 0; t < TOPICS; t++) {
		struct setting_rows rows = topics[t]();

		for (size_t k = 0; k < rows.n; k++)
			all[i++] = &rows.at[k];
	}
}

size_t setting_count(void)
{
	pthread_once(&once, join);
	return nall;
}

const struct setting *setting_at(size_t i)
{
	return i < setting_count() ? all[i] : NULL;
}

size_t setting_index(const struct setting *s)
{
	size_t before = 0;

	for (size_t t = 0; t < TOPICS; t++) {
		struct setting_rows rows = topics[t]();

		if (s >= rows.at && s < rows.at + rows.n)
			return before + (size_t)(s - rows.at);
		before += rows.n;
	}
	return before;
}
