/* Joins the topics of settings, in the order of the manual page. */
#include "proto/settings.h"

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
	settings_dns,
	settings_fetch,
	settings_tls,
	settings_users,
	settings_listener,
	settings_certificate,
	settings_report,
	settings_destination,
};

enum { TOPICS = sizeof topics / sizeof topics[0] };

const struct setting *setting_at(size_t i)
{
	for (size_t t = 0; t < TOPICS; t++) {
		struct setting_rows rows = topics[t]();

		if (i < rows.n)
			return &rows.at[i];
		i -= rows.n;
	}
	return NULL;
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

size_t setting_count(void)
{
	return setting_index(NULL);
}
