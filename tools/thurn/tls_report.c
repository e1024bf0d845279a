/* thurn tls report. See tls_report.h. */
#include "tls_report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "proto/types.h"

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static long long number(const json_t *o, const char *name)
{
	return (long long)json_integer_value(json_object_get(o, name));
}

/* By UTC, as the days of reports are. */
static const char *when(long long seconds, char out[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		out[0] = '\0';
	return out;
}

/* --- words ------------------------------------------------------------------------------------ */

static void print_failures(const json_t *policy)
{
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(policy, "failure-details"), i, f)
	{
		const char *reason = text(f, "failure-reason-code"), *ip = text(f, "receiving-ip");

		printf("        %lld %s at %s%s%s%s%s%s\n", number(f, "failed-session-count"),
		    text(f, "result-type"), text(f, "receiving-mx-hostname"),
		    ip[0] != '\0' ? " [" : "", ip, ip[0] != '\0' ? "]" : "",
		    reason[0] != '\0' ? ": " : "", reason);
	}
}

static void print_policies(const json_t *report)
{
	const json_t *policy;
	size_t i;

	json_array_foreach(json_object_get(report, "policies"), i, policy)
	{
		const json_t *what = json_object_get(policy, "policy");
		const json_t *sums = json_object_get(policy, "summary");

		printf("    %s of %s: %lld good, %lld bad\n", text(what, "policy-type"),
		    text(what, "policy-domain"), number(sums, "total-successful-session-count"),
		    number(sums, "total-failure-session-count"));
		print_failures(policy);
	}
}

static void print_tally(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	char begin[32], end[32], due[32];

	if (*(bool *)arg || o == NULL) {
		tool_print_record(NULL, json, m);
		json_decref(o);
		return;
	}
	printf("%s since %s: %lld good, %lld bad", text(o, "domain"),
	    when(number(o, "begin"), begin), number(o, "good"), number(o, "bad"));
	if (number(o, "lost") > 0)
		printf(", %lld not told apart", number(o, "lost"));
	if (number(o, "end") != 0)
		printf(", until %s, to be reported at %s", when(number(o, "end"), end),
		    when(number(o, "due"), due));
	putchar('\n');
	print_policies(json_object_get(o, "report"));
	json_decref(o);
}

static void print_count(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	if (*(bool *)arg || o == NULL)
		tool_print_record(NULL, json, m);
	else
		printf("%lld reports are made\n", number(o, "count"));
	json_decref(o);
}

/* --- verbs ------------------------------------------------------------------------------------ */

int tls_report(bool json, int argc, char **argv)
{
	bool all = tool_flag(&argc, argv, "all", '\0');
	const char *verb = argc > 0 ? argv[0] : "list", *domain = argc > 1 ? argv[1] : "";
	struct put w = put_start();

	put_z(&w, domain);
	if ((strcmp(verb, "list") == 0 && argc <= 1 && !all) ||
	    (strcmp(verb, "show") == 0 && argc == 2 && !all))
		return tool_ask("policy", POLICY_CTL_TALLIES, &w, print_tally, &json);
	if (strcmp(verb, "send") == 0 && argc == (all ? 1 : 2))
		return tool_ask("policy", POLICY_CTL_REPORT, &w, print_count, &json);
	return tool_usage(
	    "thurn tls report [--json] [list | show DOMAIN | send DOMAIN | send --all]");
}
