/* thurn log: follow it, start a new file, or find all of one message. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "logsearch.h"

#define LOG_NAME   "thurn.log"
#define OLD_PREFIX LOG_NAME "-"
enum { LOOK_MS = 200, LAST_LINES = 10 };

static bool json;

/* A line of the log; with --json one that is text, of whatever log_format wrote it, as {"line":
 * TEXT}. */
static void emit(struct str line)
{
	char *text = NULL;

	if (json && !str_starts(line, STR("{"))) {
		line = str_trim(line);
		json_t *o = json_object();

		json_object_set_new(o, "line", json_stringn(line.p, line.n));
		text = json_dumps(o, JSON_COMPACT);
		json_decref(o);
	}
	if (text != NULL)
		puts(text);
	else
		fwrite(line.p, 1, line.n, stdout);
	free(text);
}

static const char *log_path(const char *name)
{
	static char path[PATH_MAX];
	struct str dir = conf_str(tool_conf(), "log_directory");

	if (!str_eq(conf_str(tool_conf(), "log_target"), STR("file")))
		exit(tool_fail(EX_CONFIG, "log_target is %.*s: there is no log file",
		    STR_ARG(conf_str(tool_conf(), "log_target"))));
	snprintf(path, sizeof path, "%.*s/%s", STR_ARG(dir), name);
	return path;
}

/* --- follow ---------------------------------------------------------------------------------- */

/* Moves fp to the beginning of its last lines. */
static void seek_last(FILE *fp, int lines)
{
	long at;

	if (fseek(fp, 0, SEEK_END) == -1)
		return;
	for (at = ftell(fp); at > 0; at--) {
		fseek(fp, at - 1, SEEK_SET);
		if (fgetc(fp) == '\n' && lines-- == 0)
			break;
	}
	fseek(fp, at, SEEK_SET);
}

static void copy_rest(FILE *fp)
{
	static char *line;
	static size_t size;
	ssize_t n;

	clearerr(fp);
	while ((n = getline(&line, &size, fp)) > 0) {
		if (line[n - 1] != '\n') { /* half written just now */
			fseek(fp, -n, SEEK_CUR);
			break;
		}
		emit(str_bytes(line, (size_t)n));
	}
	fflush(stdout);
}

static bool replaced(FILE *fp, const char *path)
{
	struct stat a, b;

	return stat(path, &b) == 0 && fstat(fileno(fp), &a) == 0 &&
	       (a.st_ino != b.st_ino || a.st_dev != b.st_dev);
}

static int do_follow(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	const char *path;
	FILE *fp;

	json = tool_flag(&argc, argv, "json", 'j');
	if (argc != 1)
		return tool_usage("thurn log follow [--json]");
	path = log_path(LOG_NAME);
	fp = fopen(path, "re");
	if (fp == NULL)
		return tool_fail(EX_NOINPUT, "%s: %s", path, strerror(errno));
	seek_last(fp, LAST_LINES);
	while (!ferror(stdout)) {
		copy_rest(fp);
		nanosleep(&pause, NULL);
		if (replaced(fp, path)) {
			copy_rest(fp);
			fp = freopen(path, "re", fp);
			if (fp == NULL)
				return tool_fail(EX_NOINPUT, "%s: %s", path, strerror(errno));
		}
	}
	return EX_OK;
}

/* --- old files ------------------------------------------------------------------------------- */

static int is_old(const struct dirent *d)
{
	return strncmp(d->d_name, OLD_PREFIX, sizeof OLD_PREFIX - 1) == 0;
}

/* Their names, oldest first; to be freed one by one. */
static int old_files(struct dirent ***list)
{
	return scandir(log_path(""), list, is_old, alphasort);
}

/* Removes all but the newest `keep`. */
static int remove_old(uint64_t keep)
{
	struct dirent **list;
	int n = old_files(&list), status = EX_OK;

	for (int i = 0; i < n; i++) {
		if ((uint64_t)(n - i) > keep && unlink(log_path(list[i]->d_name)) == -1)
			status = tool_fail(EX_IOERR, "%s: %s", list[i]->d_name, strerror(errno));
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return status;
}

static int do_rotate(int argc, char **argv)
{
	char name[64], when[32], from[PATH_MAX];
	uint64_t keep = UINT64_MAX;
	time_t now = time(NULL);
	struct tm tm;
	const char *to;

	tool_json(&argc, argv);
	if (argc == 3 && strcmp(argv[1], "--keep") == 0 &&
	    str_u64(str_of(argv[2]), 100000, &keep) == 0)
		argc = 1;
	if (argc != 1)
		return tool_usage("thurn log rotate [--json] [--keep N]");
	if (gmtime_r(&now, &tm) == NULL || strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm) == 0)
		return EX_SOFTWARE;
	snprintf(name, sizeof name, OLD_PREFIX "%s", when);
	snprintf(from, sizeof from, "%s", log_path(LOG_NAME));
	to = log_path(name);
	if (access(to, F_OK) == 0)
		return tool_fail(EX_CANTCREAT, "%s is there already", to);
	if (rename(from, to) == -1)
		return tool_fail(
		    errno == ENOENT ? EX_NOINPUT : EX_IOERR, "%s: %s", from, strerror(errno));
	snprintf(from, sizeof from, "%s\n", to);
	tool_say(EX_OK, from);
	return keep == UINT64_MAX ? EX_OK : remove_old(keep);
}

/* --- find ------------------------------------------------------------------------------------ */

static void each_line(const char *path, struct search *s, void (*fn)(struct search *, struct str))
{
	FILE *fp = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (fp == NULL) {
		if (errno != ENOENT)
			tool_warn("%s: %s", path, strerror(errno));
		return;
	}
	while ((n = getline(&line, &size, fp)) > 0)
		fn(s, str_bytes(line, (size_t)n));
	free(line);
	fclose(fp);
}

static void learn(struct search *s, struct str line)
{
	search_learn(s, line);
}

static void print(struct search *s, struct str line)
{
	if (search_match(s, line))
		emit(line);
}

static int do_find(int argc, char **argv)
{
	static void (*const passes[])(struct search *, struct str) = { learn, learn, print };
	static struct search s;
	struct dirent **list;
	uint64_t id;
	size_t p;
	int n;

	json = tool_flag(&argc, argv, "json", 'j');
	if (argc != 2 || argv[1][0] == '\0' || argv[1][0] == '-')
		return tool_usage("thurn log find [--json] ID | TEXT");
	s.text = str_of(argv[1]);
	n = old_files(&list);
	p = id_parse(s.text, &id) == 0 ? 1 : 0;
	for (; p < sizeof passes / sizeof passes[0]; p++) {
		for (int i = 0; i < n; i++)
			each_line(log_path(list[i]->d_name), &s, passes[p]);
		each_line(log_path(LOG_NAME), &s, passes[p]);
		search_settle(&s);
	}
	for (int i = 0; i < n; i++)
		free(list[i]);
	if (n >= 0)
		free(list);
	return EX_OK;
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
} actions[] = {
	{ "follow", do_follow },
	{ "rotate", do_rotate },
	{ "find", do_find },
};

int cmd_log(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof actions[0]; i++)
		if (strcmp(argv[1], actions[i].name) == 0)
			return actions[i].fn(argc - 1, argv + 1);
	return tool_usage(
	    "thurn log follow [--json] | rotate [--json] [--keep N] | find [--json] ID");
}
