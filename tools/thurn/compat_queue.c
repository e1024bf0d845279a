/*
 * mailq, postqueue, postsuper and postcat, with the options of Postfix 3. -c takes a configuration
 * file of ours (Postfix takes a directory).
 */
#include <jansson.h>
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
	return queue_list("", false, false);
}

/* --- postqueue ------------------------------------------------------------------------------- */

/* One that is not there, or not waiting, is no failure. */
static int flush(const char *what)
{
	struct queue_order o = { .action = "flush" };

	return queue_act_quietly(&o, str_of(what));
}

static int flush_all(const char *value)
{
	(void)value;
	return flush("ALL");
}

static int list_text(const char *value)
{
	(void)value;
	return queue_list("", false, false);
}

/* Postfix has no empty sender. */
static void print_as_postfix(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	(void)arg;
	(void)m;
	if (json_string_length(json_object_get(o, "sender")) == 0)
		json_object_set_new(o, "sender", json_string("MAILER-DAEMON"));
	json_dumpf(o, stdout, 0);
	putchar('\n');
	json_decref(o);
}

static int list_json(const char *value)
{
	(void)value;
	return queue_records("", false, print_as_postfix, NULL);
}

static int flush_site(const char *site)
{
	struct queue_order o = { .action = "flush" };
	char at_site[257], *const argv[] = { at_site, NULL };

	if (site[0] == '\0' ||
	    snprintf(at_site, sizeof at_site, "@%s", site) >= (int)sizeof at_site)
		return tool_fail(EX_UNAVAILABLE, "fatal: Invalid request: \"%s\"", site);
	return queue_act_each(&o, argv);
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
	static const char usage[] =
	    "fatal: usage: postqueue -f | postqueue -i queueid | postqueue -j | "
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
			return tool_fail(EX_UNAVAILABLE, usage);
		else
			value = optarg, mode = mode_find(c);
	}
	if (mode == NULL || optind != argc)
		return tool_fail(EX_UNAVAILABLE, usage);
	return mode->fn(value);
}

/* --- postsuper ------------------------------------------------------------------------------- */

struct deed {
	int option;
	const char *action;
	const char *told, *each; /* Postfix's words for what was done: to how many, to one */
};

static const struct deed deeds[] = {
	{ 'd', "delete", "Deleted", "removed" },
	{ 'e', "expire", "Force-expired", "expired" },
	{ 'f', "expire", "Force-expired", "expired" },
	{ 'h', "hold", "Placed on hold", "placed on hold" },
	{ 'H', "release", "Released from hold", "released from hold" },
	{ 'r', "requeue", "Requeued", "requeued" },
};

/* What was asked for, in order, and what came of it. */
struct super {
	const char *const *queues; /* only messages of these; NULL = of all */
	uint64_t counts[sizeof deeds / sizeof deeds[0]];
	bool asked[sizeof deeds / sizeof deeds[0]];
	int status;
};

static const struct deed *deed_find(int option)
{
	for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
		if (deeds[i].option == option)
			return &deeds[i];
	return NULL;
}

/* aloud: it was asked for by its id, so it is told by it */
static void do_one(struct super *s, const struct deed *d, const char *id, bool aloud)
{
	struct queue_order o = { .action = d->action };

	if (queue_act_quietly(&o, str_of(id)) != EX_OK)
		s->status = 1;
	if (o.count > 0 && aloud)
		tool_warn("%s: %s", id, d->each);
	s->counts[d - deeds] += o.count;
}

static void do_in_queues(struct super *s, const struct deed *d, const char *id)
{
	bool all = strcmp(id, "ALL") == 0;
	struct queue_ids ids;

	if (queue_find(&ids, all ? "" : id, s->queues) != EX_OK)
		s->status = 1;
	for (size_t i = 0; i < ids.n; i++)
		do_one(s, d, ids.list[i], !all);
	queue_ids_clear(&ids);
}

static void do_asked(struct super *s, const struct deed *d, const char *id)
{
	if (s->queues != NULL)
		do_in_queues(s, d, id);
	else
		do_one(s, d, id, strcmp(id, "ALL") != 0);
}

static void do_deed(struct super *s, const struct deed *d, const char *id)
{
	char line[256];
	struct str word;

	s->asked[d - deeds] = true;
	if (strcmp(id, "-") != 0) {
		do_asked(s, d, id);
		return;
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		word = str_trim(str_of(line));
		if (word.n == 0)
			continue;
		line[word.p + word.n - line] = '\0';
		do_asked(s, d, word.p);
	}
}

static int postsuper_usage(void)
{
	return tool_fail(1,
	    "fatal: usage: postsuper [-c config] [-d queue_id (delete)] "
	    "[-e queue_id (expire)] [-f queue_id (expire and/or un-hold)] "
	    "[-h queue_id (hold)] [-H queue_id (un-hold)] [-p] [-r queue_id (requeue)] "
	    "[-s] [-S] [-v] [queue...]");
}

/* -p, -s, -S keep Postfix's queue directories in order; ours is checked whenever the suite starts.
 */
int compat_postsuper(int argc, char **argv)
{
	static const char options[] = "c:d:e:f:h:H:pr:sSv";
	struct super s = { .status = EX_OK };
	const struct deed *d;
	int c;

	/* twice: queues stand behind the options */
	while ((c = getopt(argc, argv, options)) != -1) {
		if (c == 'c')
			tool_set_conf_path(optarg);
		else if (c == '?')
			return postsuper_usage();
	}
	if (optind < argc)
		s.queues = (const char *const *)&argv[optind];
	optind = 1;
	while ((c = getopt(argc, argv, options)) != -1) {
		d = deed_find(c);
		if (d != NULL)
			do_deed(&s, d, optarg);
	}
	for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
		if (s.asked[i])
			tool_warn("%s: %llu message%s", deeds[i].told,
			    (unsigned long long)s.counts[i], s.counts[i] == 1 ? "" : "s");
	return s.status;
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
			return tool_fail(1,
			    "fatal: usage: postcat [-b (body text)] [-c config] [-d] "
			    "[-e (envelope records)] [-h (header text)] [-q (access queue)] [-v] "
			    "[file(s)...]");
		parts |= c == 'e'   ? PART_ENVELOPE
			 : c == 'h' ? PART_HEADER
			 : c == 'b' ? PART_BODY
				    : 0;
	}
	if (parts == 0)
		parts = PART_ENVELOPE | PART_HEADER | PART_BODY;
	for (; optind < argc; optind++) {
		if (queue_show(argv[optind], parts | PART_POSTCAT) != EX_OK)
			status = 1;
	}
	return status;
}
