/*
 * mailq, postqueue, postsuper and postcat, with the options of Postfix 3. -c takes a configuration
 * file of ours (Postfix takes a directory).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "compat.h"
#include "queue_ask.h"

int compat_mailq(int argc, char **argv)
{
	int c;

	/* what Sendmail's mailq takes says nothing to us */
	while ((c = getopt(argc, argv, "vAcmq:C:")) != -1)
		if (c == '?')
			return EX_USAGE;
	return queue_list("", false);
}

/* --- postqueue ------------------------------------------------------------------------------- */

static int flush(const char *what)
{
	uint64_t count = 0;

	return queue_act("flush", str_of(what), "", &count);
}

static int flush_all(const char *value)
{
	(void)value;
	return flush("ALL");
}

static int list_text(const char *value)
{
	(void)value;
	return queue_list("", false);
}

static int list_json(const char *value)
{
	(void)value;
	return queue_list("", true);
}

static int flush_site(const char *site)
{
	uint64_t count = 0;

	if (site[0] == '\0' || strlen(site) > 255)
		return tool_fail(EX_USAGE, "Invalid request: \"%s\"", site);
	return queue_flush_site(site, &count);
}

static const struct mode {
	int option;
	int (*fn)(const char *value);
} modes[] = {
	{ 'f', flush_all },
	{ 'i', flush },
	{ 'j', list_json },
	{ 'p', list_text },
	{ 's', flush_site },
};

static const struct mode *mode_find(int option)
{
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		if (modes[i].option == option)
			return &modes[i];
	return NULL;
}

int compat_postqueue(int argc, char **argv)
{
	static const char usage[] = "usage: postqueue -f | postqueue -i queueid | postqueue -j | "
				    "postqueue -p | postqueue -s site";
	const struct mode *mode = NULL;
	const char *value = NULL;
	int c;

	while ((c = getopt(argc, argv, "c:fi:jps:v")) != -1) {
		if (c == 'c')
			tool_set_conf_path(optarg);
		else if (c == 'v')
			continue;
		else if (c == '?' || mode != NULL)
			return tool_fail(EX_USAGE, usage);
		else
			value = optarg, mode = mode_find(c);
	}
	if (mode == NULL || optind != argc)
		return tool_fail(EX_USAGE, usage);
	return mode->fn(value);
}

/* --- postsuper ------------------------------------------------------------------------------- */

struct deed {
	int option;
	const char *action, *told; /* Postfix's words for what was done */
};

static const struct deed deeds[] = {
	{ 'd', "delete", "Deleted" },
	{ 'e', "expire", "Force-expired" },
	{ 'f', "expire", "Force-expired" },
	{ 'h', "hold", "Placed on hold" },
	{ 'H', "release", "Released from hold" },
	{ 'r', "requeue", "Requeued" },
};

static const struct deed *deed_find(int option)
{
	for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
		if (deeds[i].option == option)
			return &deeds[i];
	return NULL;
}

/* -p, -s, -S keep Postfix's queue directories in order; ours is checked whenever the suite starts.
 */
int compat_postsuper(int argc, char **argv)
{
	uint64_t counts[sizeof deeds / sizeof deeds[0]] = { 0 };
	int c, status = EX_OK, did = 0;

	while ((c = getopt(argc, argv, "c:d:e:f:h:H:pr:sSv")) != -1) {
		const struct deed *d = deed_find(c);
		char *ids[2] = { optarg, NULL };
		int r;

		if (c == 'c')
			tool_set_conf_path(optarg);
		else if (c == '?')
			return tool_fail(
			    EX_USAGE, "usage: postsuper [-c CONF] [-d|-e|-f|-h|-H|-r id|ALL|-]");
		if (d == NULL) {
			did += c == 'p' || c == 's' || c == 'S';
			continue;
		}
		if (strcasecmp(optarg, "ALL") == 0 && strcmp(optarg, "ALL") != 0)
			return tool_fail(EX_USAGE, "write ALL in upper case for all messages");
		did++;
		r = queue_act_each(d->action, ids, "", &counts[d - deeds]);
		status = r != EX_OK ? r : status;
	}
	if (did == 0)
		return EX_OK;
	for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
		if (counts[i] > 0)
			tool_warn("%s: %llu message%s", deeds[i].told,
			    (unsigned long long)counts[i], counts[i] == 1 ? "" : "s");
	return status;
}

/* --- postcat --------------------------------------------------------------------------------- */

int compat_postcat(int argc, char **argv)
{
	unsigned parts = 0;
	int c, status = EX_OK;

	while ((c = getopt(argc, argv, "bc:dehoqv")) != -1) {
		if (c == 'c')
			tool_set_conf_path(optarg);
		else if (c == '?')
			return tool_fail(EX_USAGE, "usage: postcat [-b] [-e] [-h] [-q] id ...");
		parts |= c == 'e'   ? PART_ENVELOPE
			 : c == 'h' ? PART_HEADER
			 : c == 'b' ? PART_BODY
				    : 0;
	}
	if (optind == argc)
		return tool_fail(EX_USAGE, "usage: postcat [-b] [-e] [-h] [-q] id ...");
	if (parts == 0)
		parts = PART_ENVELOPE | PART_HEADER | PART_BODY;
	for (; optind < argc; optind++) {
		int r = queue_show(argv[optind], parts);

		status = r != EX_OK ? r : status;
	}
	return status;
}
