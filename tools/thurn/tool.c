/* What all sub-commands share. See command.h. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "command.h"
#include "proto/confload.h"
#include "proto/place.h"

static const char *name = "thurn";
static char conf_path[PATH_MAX];
static bool conf_named; /* it is not the built-in one */
static char libexec[PATH_MAX];
static struct conf *conf;

enum { USAGE_MAX = 1024 };

static bool help; /* is what was asked for */
static bool as_json;
static char said[8192]; /* last, if so */
static json_t *facts; /* and what else there is to say */

const char *tool_name(void)
{
	return name;
}

void tool_set_name(const char *s)
{
	name = s;
}

static void vwarn(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

static void vwarn(const char *fmt, va_list ap)
{
	if (as_json) {
		vsnprintf(said, sizeof said, fmt, ap);
		return;
	}
	fflush(stdout);
	fprintf(stderr, "%s: ", name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void tool_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarn(fmt, ap);
	va_end(ap);
}

int tool_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarn(fmt, ap);
	va_end(ap);
	return status;
}

void tool_look_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		help |= strcmp(argv[i], "--help") == 0;
	opterr = !help;
}

FILE *tool_usage_file(void)
{
	return help ? stdout : stderr;
}

int tool_usage(const char *fmt, ...)
{
	char text[USAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (as_json && !help)
		return tool_fail(EX_USAGE, "usage: %s", text);
	as_json = false;
	fprintf(tool_usage_file(), "usage: %s\n", text);
	return help ? EX_OK : EX_USAGE;
}

bool tool_json(int *argc, char **argv)
{
	as_json = tool_flag(argc, argv, "json", 'j');
	return as_json;
}

void tool_say(int status, const char *text)
{
	if (as_json)
		snprintf(said, sizeof said, "%s", text);
	else
		fputs(text, status != 0 ? stderr : stdout);
}

void tool_fact(const char *key, json_t *value)
{
	if (facts == NULL)
		facts = json_object();
	json_object_set_new(facts, key, value);
}

int tool_result(int status)
{
	size_t n = strlen(said);
	json_t *o;

	if (!as_json)
		return status;
	if (n > 0 && said[n - 1] == '\n')
		said[n - 1] = '\0';
	o = json_pack("{s:i, s:s}", "status", status, "text", said);
	if (o == NULL) /* what a file had in it need not be UTF-8 */
		o = json_pack("{s:i, s:s}", "status", status, "text", "");
	if (facts != NULL)
		json_object_update(o, facts);
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
	return status;
}

void tool_set_conf_path(const char *path)
{
	const char *env = getenv("THURN_CONF");

	conf_named = path != NULL || (env != NULL && env[0] != '\0');
	if (place_conf(path, conf_path) == -1)
		exit(tool_fail(
		    EX_USAGE, "%s: %s", path != NULL ? path : "configuration", strerror(errno)));
}

const char *tool_conf_path(void)
{
	if (conf_path[0] == '\0')
		tool_set_conf_path(NULL);
	return conf_path;
}

const char *tool_libexec(void)
{
	if (libexec[0] == '\0')
		place_libexec(libexec);
	return libexec;
}

/* What was wrong, or is to be warned of, is added to text. */
static void load(struct buf *text)
{
	char program[PATH_MAX + 32];

	snprintf(program, sizeof program, "%s/master-config", tool_libexec());
	conf = conf_load(program, tool_conf_path(), text);
}

const struct conf *tool_conf(void)
{
	struct buf text;

	if (conf != NULL)
		return conf;
	buf_init(&text, CONF_LINES_MAX);
	load(&text);
	if (conf == NULL) {
		tool_say(EX_CONFIG, buf_cstr(&text));
		exit(tool_result(EX_CONFIG));
	}
	buf_clear(&text);
	return conf;
}

const struct conf *tool_suite_conf(void)
{
	static struct conf *usual;
	struct buf text;

	(void)tool_conf_path();
	if (usual != NULL)
		return usual;
	if (conf != NULL || conf_named)
		return tool_conf();
	buf_init(&text, CONF_LINES_MAX);
	load(&text);
	buf_clear(&text);
	if (conf != NULL)
		return conf;
	tool_warn("%s %s: the suite is looked for at the usual place", conf_path,
	    access(conf_path, F_OK) == -1 && errno == ENOENT
		? "does not exist"
		: "is faulty (see thurn config check)");
	usual = conf_new();
	return usual;
}

/* --- the running suite ----------------------------------------------------------------------- */

int tool_control(struct control *c, const char *service)
{
	char *run = str_dup(conf_str(tool_suite_conf(), "run_directory"));
	int r = control_open(c, run, service);

	if (r == -1 && (errno == ENOENT || errno == ECONNREFUSED))
		tool_warn("the suite is not running (nobody listens at %s/%s)", run, service);
	else if (r == -1)
		tool_warn("%s/%s: %s", run, service, strerror(errno));
	free(run);
	return r;
}

int tool_request(const char *service, uint16_t type, const struct put *w,
    void (*record)(void *arg, struct str json, struct ipc_msg *m), void *arg,
    struct control_answer *answer)
{
	struct control c;
	int r;

	if (tool_control(&c, service) == -1)
		return -1;
	r = control_ask(&c, type, w, record, arg, answer);
	if (r == -1)
		tool_warn("no answer: %s", strerror(errno));
	control_close(&c);
	return r;
}

int tool_ask(const char *service, uint16_t type, const struct put *w,
    void (*record)(void *arg, struct str json, struct ipc_msg *m), void *arg)
{
	struct control_answer answer;

	if (tool_request(service, type, w, record, arg, &answer) == -1)
		return EX_UNAVAILABLE;
	if (answer.text[0] == '\0')
		return (int)answer.status;
	if (answer.status != 0) {
		tool_warn("%s", answer.text);
	} else {
		char line[sizeof answer.text + 1];

		snprintf(line, sizeof line, "%s\n", answer.text);
		tool_say(EX_OK, line);
	}
	return (int)answer.status;
}

void tool_print_record(void *arg, struct str json, struct ipc_msg *m)
{
	(void)arg;
	(void)m;
	printf("%.*s\n", STR_ARG(json));
}

/* Takes n arguments out, from i on. */
static void take_out(int *argc, char **argv, int i, int n)
{
	*argc -= n;
	for (; i <= *argc; i++)
		argv[i] = argv[i + n];
}

bool tool_flag(int *argc, char **argv, const char *long_name, char brief)
{
	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		const char *a = argv[i];
		bool is_long = a[0] == '-' && a[1] == '-' && strcmp(a + 2, long_name) == 0;
		bool is_brief = brief != '\0' && a[0] == '-' && a[1] == brief && a[2] == '\0';

		if (!is_long && !is_brief)
			continue;
		take_out(argc, argv, i, 1);
		return true;
	}
	return false;
}

const char *tool_value(int *argc, char **argv, const char *long_name)
{
	size_t n = strlen(long_name);

	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		const char *a = argv[i];

		if (strncmp(a, "--", 2) != 0 || strncmp(a + 2, long_name, n) != 0)
			continue;
		if (a[2 + n] == '=') {
			take_out(argc, argv, i, 1);
			return a + 2 + n + 1;
		}
		if (a[2 + n] == '\0' && i + 1 < *argc) {
			a = argv[i + 1];
			take_out(argc, argv, i, 2);
			return a;
		}
	}
	return NULL;
}
