/* The file in use. See store.h. */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/log.h"
#include "base/siphash.h"
#include "kept.h"

enum { PATH_SIZE = 1024 };

static struct file current;
static char path[PATH_SIZE];
static uint64_t key[2];
static uint64_t seen; /* hash of the bytes that were looked at last */
static char told[FILE_WHY]; /* what was wrong then */

/* The file of this look. */
static int fd = -1;
static int error = ENOENT;

void store_configure(struct str setting)
{
	if (key[0] == 0)
		for (unsigned i = 0; i < 2; i++)
			key[i] = id_random();
	if (setting.n == 0)
		file_clear(&current);
	if (str_copy(setting, path, sizeof path) == -1)
		path[0] = '\0';
	seen = 0;
	told[0] = '\0';
}

bool store_used(void)
{
	return path[0] != '\0';
}

const struct file *store_now(void)
{
	return &current;
}

void store_rule(const struct entry *e, char rule[CREDENTIAL_RULE_MAX])
{
	snprintf(rule, CREDENTIAL_RULE_MAX, "%s:%u", path, e->line);
}

void store_file(struct str name, int *given, int why)
{
	if (!str_eq(name, str_of(path)))
		return;
	if (fd != -1)
		close(fd);
	fd = *given;
	error = why;
	*given = -1;
}

/* A process without files cannot ask for the size. -1 with errno. */
static ssize_t read_all(char *space)
{
	size_t got = 0;

	while (got <= FILE_BYTES_MAX) {
		ssize_t n = pread(fd, space + got, FILE_BYTES_MAX + 1 - got, (off_t)got);

		if (n == 0)
			return (ssize_t)got;
		if (n == -1 && errno != EINTR)
			return -1;
		got += n > 0 ? (size_t)n : 0;
	}
	errno = EFBIG;
	return -1;
}

static void refuse(const char *why)
{
	if (strcmp(why, told) != 0)
		log_error(NULL, EV("credentials-refused"), KZ("file", path), KZ("why", why),
		    KZ("in_use", current.n > 0 ? "the ones before" : "none"));
	snprintf(told, sizeof told, "%s", why);
}

static void take_text(struct str text)
{
	uint64_t hash = siphash(key, text);
	struct file fresh;
	char why[FILE_WHY];

	if (hash == seen)
		return;
	seen = hash;
	if (file_parse(&fresh, text, key, why) == -1) {
		refuse(why);
		return;
	}
	file_clear(&current);
	current = fresh;
	kept_tidy(&current, time(NULL));
	told[0] = '\0';
	log_notice(NULL, EV("credentials-loaded"), KZ("file", path), KI("entries", current.n));
}

void store_take(void)
{
	char *space;
	ssize_t n;

	if (path[0] != '\0' && fd == -1) {
		seen = 0;
		refuse(strerror(error));
	} else if (path[0] != '\0') {
		space = xmalloc(FILE_BYTES_MAX + 1);
		n = read_all(space);
		if (n == -1)
			refuse(strerror(errno));
		else
			take_text(str_bytes(space, (size_t)n));
		explicit_bzero(space, FILE_BYTES_MAX + 1);
		free(space);
	}
	if (fd != -1)
		close(fd);
	fd = -1;
	error = ENOENT;
}
