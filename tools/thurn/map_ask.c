/* thurn map -q and -s: asks tables, and lists them. See map.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "command.h"
#include "map.h"

bool map_stdin_line(struct str *line)
{
	static char *space;
	static size_t size;
	ssize_t n = getline(&space, &size, stdin);

	if (n <= 0)
		return false;
	if (space[n - 1] == '\n')
		n--;
	*line = str_bytes(space, (size_t)n);
	return true;
}

int map_stdin(struct buf *b)
{
	char *to;
	ssize_t n;

	buf_init(b, TABLE_TEXT_MAX);
	do {
		to = buf_room(b, 65536);
		n = to == NULL ? -1 : read(STDIN_FILENO, to, 65536);
		b->n += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n == -1 && to != NULL && errno == EINTR));
	return n == -1 ? -1 : 0;
}

static void print_json(struct str key, struct str value)
{
	json_t *o = json_object(), *v = json_stringn(value.p, value.n);
	char *text = NULL;

	if (o != NULL && v != NULL && json_object_setn(o, key.p, key.n, v) == 0)
		text = json_dumps(o, JSON_COMPACT);
	if (text == NULL)
		tool_warn("warning: \"%.*s\" is not UTF-8", STR_ARG(key));
	else
		puts(text);
	free(text);
	json_decref(v);
	json_decref(o);
}

static void map_print(const struct map_options *o, struct str key, struct str value)
{
	if (o->json)
		print_json(key, value);
	else
		printf("%.*s%s\t%.*s\n", STR_ARG(key), o->aliases ? ":" : "", STR_ARG(value));
}

/* Tables that are asked or listed, and what came of it. */
struct reading {
	const struct map_options *o;
	struct table **tables;
	size_t n;
	struct arena arena; /* of one key */
	bool found, failed;
};

/* With -F, what the value stands for. -1 after a message. */
static int unpack(struct reading *r, struct str table, struct str key, struct str *value)
{
	if (!r->o->files || map_files_decode(*value, &r->arena, value) == 0)
		return 0;
	tool_warn("warning: table %.*s: key %.*s: malformed BASE64 value: %.*s", STR_ARG(table),
	    STR_ARG(key), STR_ARG(str_take(*value, 100)));
	return -1;
}

/* One key in all tables, the first that has it counts: 0, 1 = nowhere, -1 after a message. */
static int find(struct reading *r, struct str key, struct str *value)
{
	struct table_answer out;

	for (size_t i = 0; i < r->n; i++) {
		switch (table_lookup(r->tables[i], key, &r->arena, &out)) {
		case TABLE_FOUND:
			*value = out.value;
			if (unpack(r, table_spec(r->tables[i]), key, value) == 0)
				return 0;
			out.rule = table_spec(r->tables[i]);
			out.why = STR_NONE;
			/* fall through */
		case TABLE_FAILED:
			tool_warn("fatal: table %.*s: query error%s%.*s", STR_ARG(out.rule),
			    out.why.n > 0 ? ": " : "", STR_ARG(out.why));
			return -1;
		case TABLE_NONE:
			break;
		}
	}
	return 1;
}

/* One of many keys: what is found is printed with its key. */
static int ask_one(void *arg, struct str key)
{
	struct reading *r = arg;
	struct str value;
	int f = find(r, key, &value);

	if (f == 0)
		map_print(r->o, key, value);
	r->found |= f == 0;
	r->failed |= f == -1;
	arena_reset(&r->arena);
	return f == -1 ? -1 : 0;
}

static void ask_lines(struct reading *r)
{
	struct str key;

	while (!r->failed && map_stdin_line(&key))
		ask_one(r, key);
}

static int ask_message(struct reading *r)
{
	struct buf message;
	int error = map_stdin(&message) == -1 ? errno : 0;

	if (error == 0)
		map_message(r->o, buf_view(&message), ask_one, r);
	buf_clear(&message);
	return error == 0 ? 0 : tool_fail(-1, "fatal: stdin: %s", strerror(error));
}

static int ask(struct reading *r, const char *key)
{
	struct str value;
	int f;

	if (strcmp(key, "-") == 0) {
		if (r->o->header || r->o->body)
			r->failed |= ask_message(r) == -1;
		else
			ask_lines(r);
		return r->found && !r->failed ? 0 : 1;
	}
	f = find(r, str_of(key), &value);
	if (f == 0 && r->o->json)
		print_json(str_of(key), value);
	else if (f == 0)
		printf("%.*s\n", STR_ARG(value));
	return f == 0 ? 0 : 1;
}

static int print_entry(void *arg, struct str key, struct str value)
{
	struct reading *r = arg;

	if (unpack(r, table_spec(r->tables[0]), key, &value) == 0)
		map_print(r->o, key, value);
	arena_reset(&r->arena);
	return ferror(stdout) ? 1 : 0;
}

static int list(struct reading *r)
{
	char why[TABLE_WHY];

	for (; r->n > 0; r->n--, r->tables++) {
		if (table_each(r->tables[0], print_entry, r, why) == -1)
			return tool_fail(1, "fatal: %s", why);
	}
	return 0;
}

int map_read(const struct map_options *o, const struct map_name *names, size_t n, const char *key)
{
	struct table **tables = xcalloc(n, sizeof(struct table *));
	struct reading reading = { .o = o, .tables = tables, .n = n };
	char why[TABLE_WHY];
	size_t i;
	int r = 0;

	arena_init(&reading.arena);
	for (i = 0; i < n && r == 0; i++) {
		tables[i] =
		    table_open(AT_FDCWD, str_of(names[i].spec), TABLE_ANYWHERE | map_fold(o), why);
		if (tables[i] == NULL)
			r = tool_fail(1, "fatal: open database %s", why);
		else if (table_stale(tables[i])[0] != '\0')
			tool_warn("warning: %s", table_stale(tables[i]));
	}
	if (r == 0)
		r = key != NULL ? ask(&reading, key) : list(&reading);
	for (i = 0; i < n; i++)
		table_close(tables[i]);
	free(tables);
	arena_clear(&reading.arena);
	if (fflush(stdout) == EOF && r == 0)
		r = tool_fail(1, "fatal: standard output: %s", strerror(errno));
	return r;
}
