/* The address that reports about TLS come from. See reporter.h. */
#include "reporter.h"

#include <stdio.h>

void reporter_address(const struct conf *c, char out[REPORTER_MAX + 1])
{
	struct str set = conf_str(c, "tls_report_sender"), host = conf_str(c, "hostname");

	if (set.n > 0 && str_copy(set, out, REPORTER_MAX + 1) == 0)
		return;
	if (host.n == 0)
		host = STR("localhost");
	snprintf(out, REPORTER_MAX + 1, "tls-reports@%.*s", STR_ARG(host));
}

bool reporter_is_of(const char *address, struct str domain)
{
	struct str whole = str_of(address);
	struct str own = str_skip(whole, (size_t)(str_rfind(whole, '@') + 1));

	return str_caseeq(own, domain) || (own.n > domain.n && own.p[own.n - domain.n - 1] == '.' &&
					      str_caseeq(str_skip(own, own.n - domain.n), domain));
}
