/*
 * thurn status: every process with uid, pid, uptime, restarts, the sandbox layers in force, and
 * what it counts. As a table, as lines of JSON, or as metrics in the text format of Prometheus.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "state.h"

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "-";
}

static long long number_of(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* --- the table -------------------------------------------------------------------------------- */

static void uptime_text(long long ms, char *out, size_t size)
{
	long long s = ms / 1000;

	if (s < 60)
		snprintf(out, size, "%llds", s);
	else if (s < 3600)
		snprintf(out, size, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, size, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, size, "%lldd%02lldh", s / 86400, s / 3600 % 24);
}

static void process_name(json_t *o, char *out, size_t size)
{
	if (number_of(o, "instance") > 0)
		snprintf(out, size, "%s/%lld", text_of(o, "process"), number_of(o, "instance"));
	else
		snprintf(out, size, "%s", text_of(o, "process"));
}

static void print_process(json_t *o)
{
	char uptime[32] = "-", name[64];
	json_t *layer;
	size_t i;

	process_name(o, name, sizeof name);
	if (json_object_get(o, "uptime_ms") != NULL)
		uptime_text(number_of(o, "uptime_ms"), uptime, sizeof uptime);
	printf("%-20s %-9s %7lld %10lld %8s %4lld  ", name, text_of(o, "state"),
	    number_of(o, "pid"), number_of(o, "uid"), uptime, number_of(o, "restarts"));
	json_array_foreach(json_object_get(o, "layers"), i, layer)
	    printf("%s%s", i > 0 ? " " : "", json_string_value(layer));
	putchar('\n');
}

static void print_counts(json_t *o)
{
	const char *key;
	char name[64];
	json_t *value;

	process_name(o, name, sizeof name);
	json_object_foreach(json_object_get(o, "counts"), key, value)
	    printf("%-20s %-36s %12lld\n", name, key, (long long)json_integer_value(value));
}

/* Counts that are more than numbers while they are not 0. */
static void print_troubles(json_t *all)
{
	static const struct {
		const char *count, *what;
	} troubles[] = {
		{ "volume_failed",
		    "the file system of the spool has failed, and mail is refused until it keeps "
		    "what is written: see \"Acceptance\" in thurn-queue(8)" },
		{ "directories_lost",
		    "some directories of the spool take no mail; stop, check the file system, "
		    "start: see \"Acceptance\" in thurn-queue(8)" },
		{ "breaker_open",
		    "many recipients fail at once, and failures are kept back: see \"The breaker\" "
		    "in thurn-queue(8)" },
		{ "dns-test-failing",
		    "DNS fails its test, so mail for other hosts may have to wait: see \"Its own "
		    "test\" in thurn-resolver(8)" },
		{ "dns-lists-off",
		    "some DNS lists fail their test and are not asked: see \"Clients\" in "
		    "thurn-resolver(8)" },
	};
	char name[64];
	json_t *o;
	size_t i;

	json_array_foreach(all, i, o) for (size_t k = 0; k < sizeof troubles / sizeof *troubles;
					   k++)
	{
		if (number_of(json_object_get(o, "counts"), troubles[k].count) == 0)
			continue;
		process_name(o, name, sizeof name);
		printf("%s: %s\n", name, troubles[k].what);
	}
}

static void print_table(json_t *all)
{
	json_t *o;
	size_t i;

	printf("%-20s %-9s %7s %10s %8s %4s  %s\n", "PROCESS", "STATE", "PID", "UID", "UPTIME",
	    "REST", "SANDBOX");
	json_array_foreach(all, i, o) if (json_object_get(o, "process") != NULL) print_process(o);
	else printf("listener %-11s %s, port %lld\n", text_of(o, "listener"), text_of(o, "socket"),
	    number_of(o, "port"));
}

static void print_all_counts(json_t *all)
{
	json_t *o;
	size_t i;

	printf("%-20s %-36s %12s\n", "PROCESS", "COUNT", "VALUE");
	json_array_foreach(all, i, o) print_counts(o);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void print_json(json_t *all)
{
	json_t *o;
	size_t i;

	json_array_foreach(all, i, o)
	{
		char *line = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);

		puts(line);
		free(line);
	}
}

/* --- metrics ---------------------------------------------------------------------------------- */

#define EVENT "event." /* how services/log names its counters of events */

static void head(const char *name, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void process_metric(
    json_t *all, const char *name, const char *type, const char *help, double (*value)(json_t *))
{
	json_t *o;
	size_t i;

	head(name, type, help);
	json_array_foreach(all, i, o) if (json_object_get(o, "instance") != NULL)
	    printf("%s{process=\"%s\",instance=\"%lld\"} %.15g\n", name, text_of(o, "process"),
		number_of(o, "instance"), value(o));
}

static double is_ready(json_t *o)
{
	return strcmp(text_of(o, "state"), "ready") == 0;
}

static double uptime(json_t *o)
{
	return (double)number_of(o, "uptime_ms") / 1000;
}

static double restarts(json_t *o)
{
	return (double)number_of(o, "restarts");
}

/* The names of counts are the suite's own; no character in them needs an escape. */
static void count_metric(json_t *all, bool events)
{
	const char *key;
	json_t *o, *value;
	size_t i;

	json_array_foreach(all, i, o) json_object_foreach(json_object_get(o, "counts"), key, value)
	{
		long long n = json_integer_value(value);
		bool event = strncmp(key, EVENT, sizeof EVENT - 1) == 0;

		if (event && events)
			printf(
			    "thurn_events_total{event=\"%s\"} %lld\n", key + sizeof EVENT - 1, n);
		else if (!event && !events)
			printf("thurn_count{process=\"%s\",instance=\"%lld\",name=\"%s\"} %lld\n",
			    text_of(o, "process"), number_of(o, "instance"), key, n);
	}
}

static void print_metrics(json_t *all)
{
	process_metric(all, "thurn_process_ready", "gauge", "1 when the process serves.", is_ready);
	process_metric(
	    all, "thurn_process_uptime_seconds", "gauge", "Time since its start.", uptime);
	process_metric(all, "thurn_process_restarts_total", "counter",
	    "Times it was started again.", restarts);
	head("thurn_channels_replaced_total", "counter", "Channels between processes made anew.");
	printf("thurn_channels_replaced_total %lld\n",
	    number_of(json_array_get(all, 0), "channels_replaced"));
	head("thurn_events_total", "counter", "Events in the log, by name.");
	count_metric(all, true);
	head("thurn_count", "untyped", "What a process counts itself; see its manual page.");
	count_metric(all, false);
}

/* --- the command ------------------------------------------------------------------------------ */

/* A process that is not as it should be. */
static bool any_waiting(json_t *all)
{
	json_t *o;
	size_t i;

	json_array_foreach(all, i, o) if (strcmp(text_of(o, "state"), "waiting") == 0) return true;
	return false;
}

int cmd_status(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j'),
	     metrics = tool_flag(&argc, argv, "metrics", 'm');
	bool counts = tool_flag(&argc, argv, "counts", 'c'), waiting;
	json_t *all;
	int status;

	if (argc != 1 || json + metrics + counts > 1)
		return tool_usage("thurn status [--counts | --json | --metrics]");
	all = state_read(&status);
	if (all == NULL)
		return status;
	waiting = any_waiting(all);
	if (json)
		print_json(all);
	else if (metrics)
		print_metrics(all);
	else if (counts)
		print_all_counts(all);
	else {
		print_table(all);
		print_troubles(all);
	}
	json_decref(all);
	return waiting ? EX_TEMPFAIL : EX_OK;
}
