/* What the tools ask the queue. See queue_ask.h. */
#include "queue_ask.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "command.h"
#include "listing.h"
#include "proto/types.h"

enum { ID_LINE_MAX = 256 };

/* --- lists ----------------------------------------------------------------------------------- */

static void on_listed(void *arg, struct str json, struct ipc_msg *m)
{
	(void)m;
	listing_add(arg, json);
}

int queue_list(const char *where, bool json)
{
	struct listing l = { .out = stdout };
	struct put w = put_start();
	int r;

	put_z(&w, where);
	r = tool_ask("queue", QUEUE_CTL_LIST, &w, json ? tool_print_record : on_listed, &l);
	if (r == EX_OK && !json)
		listing_end(&l);
	return r;
}

/* Counters in pairs, messages and bytes, as {"active": 1, "active_bytes": 2}; switches otherwise.
 */
static void on_summary(void *arg, struct str json, struct ipc_msg *m)
{
	static const char *const queues[] = { "incoming", "active", "ready", "deferred", "hold" };
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	(void)arg;
	(void)m;
	printf("%-10s %10s %15s\n", "QUEUE", "MESSAGES", "BYTES");
	for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
		char bytes[32];

		snprintf(bytes, sizeof bytes, "%s_bytes", queues[i]);
		printf("%-10s %10lld %15lld\n", queues[i],
		    (long long)json_integer_value(json_object_get(o, queues[i])),
		    (long long)json_integer_value(json_object_get(o, bytes)));
	}
	if (json_is_false(json_object_get(o, "complete")))
		printf("The queue is still being read.\n");
	if (json_is_true(json_object_get(o, "volume_failed")))
		printf("The volume of the spool has failed; no mail is accepted.\n");
	json_decref(o);
}

int queue_summary(bool json)
{
	struct put w = put_start();

	return tool_ask(
	    "queue", QUEUE_CTL_SUMMARY, &w, json ? tool_print_record : on_summary, NULL);
}

/* --- actions --------------------------------------------------------------------------------- */

static void on_count(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	uint64_t *count = arg;

	(void)m;
	*count += (uint64_t)json_integer_value(json_object_get(o, "count"));
	json_decref(o);
}

int queue_act(const char *action, struct str id, const char *note, uint64_t *count)
{
	struct put w = put_start();

	put_z(&w, action);
	put_str(&w, id);
	put_z(&w, note);
	return tool_ask("queue", QUEUE_CTL_ACT, &w, on_count, count);
}

static int act_from_stdin(const char *action, const char *note, uint64_t *count)
{
	char line[ID_LINE_MAX];
	int status = EX_OK;

	while (fgets(line, sizeof line, stdin) != NULL) {
		struct str id = str_trim(str_of(line));
		int r;

		if (id.n == 0)
			continue;
		r = queue_act(action, id, note, count);
		status = r != EX_OK ? r : status;
	}
	return status;
}

int queue_act_each(const char *action, char *const *argv, const char *note, uint64_t *count)
{
	int status = EX_OK;

	for (; *argv != NULL; argv++) {
		int r = strcmp(*argv, "-") == 0 ? act_from_stdin(action, note, count)
						: queue_act(action, str_of(*argv), note, count);

		status = r != EX_OK ? r : status;
	}
	return status;
}

/* Ids of messages with a recipient in the domain. */
struct site {
	struct str at; /* "@domain" */
	struct arena mem;
	struct str *ids;
	size_t n;
};

static void on_site_message(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL), *r;
	struct site *s = arg;
	bool hit = false;
	size_t i;

	(void)m;
	json_array_foreach(json_object_get(o, "recipients"), i, r)
	{
		struct str address = str_of(json_string_value(json_object_get(r, "address")));

		hit = hit || (address.n > s->at.n &&
				 str_caseeq(str_skip(address, address.n - s->at.n), s->at));
	}
	if (hit) {
		s->ids = xreallocarray(s->ids, s->n + 1, sizeof *s->ids);
		s->ids[s->n++] =
		    arena_str(&s->mem, str_of(json_string_value(json_object_get(o, "queue_id"))));
	}
	json_decref(o);
}

int queue_flush_site(const char *domain, uint64_t *count)
{
	struct site s = { .n = 0 };
	struct put w = put_start();
	int status;

	s.at = arena_printf(&s.mem, "@%s", domain);
	put_str(&w, s.at);
	status = tool_ask("queue", QUEUE_CTL_LIST, &w, on_site_message, &s);
	for (size_t i = 0; status == EX_OK && i < s.n; i++)
		status = queue_act("flush", s.ids[i], "", count);
	free(s.ids);
	arena_clear(&s.mem);
	return status;
}

/* --- one message ----------------------------------------------------------------------------- */

struct shown {
	unsigned parts;
	bool failed;
};

/* The message with LF line ends, its header (up to the empty line) and body as asked. */
static int copy_message(int fd, off_t at, uint64_t size, unsigned parts)
{
	bool header = true, empty = true, cr = false;
	char block[65536];

	while (size > 0) {
		ssize_t n = pread(fd, block, size < sizeof block ? size : sizeof block, at);

		if (n <= 0)
			return -1;
		for (ssize_t i = 0; i < n; i++) {
			char c = block[i];
			bool wanted = (parts & (header ? PART_HEADER : PART_BODY)) != 0;

			if (cr && c != '\n' && wanted)
				putchar('\r');
			cr = c == '\r';
			if (cr)
				continue;
			if (wanted)
				putchar(c);
			if (c == '\n' && empty)
				header = false;
			empty = c == '\n';
		}
		at += n;
		size -= (uint64_t)n;
	}
	return 0;
}

static void print_envelope(json_t *o)
{
	json_t *value;
	const char *key;
	char *text;

	json_object_foreach(o, key, value)
	{
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		printf("%s: %s\n", key, text != NULL ? text : "");
		free(text);
	}
	putchar('\n');
}

static void on_shown(void *arg, struct str json, struct ipc_msg *m)
{
	struct shown *s = arg;
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	int fd = ipc_take_fd(m, 0);

	if (o != NULL && (s->parts & PART_ENVELOPE) != 0)
		print_envelope(o);
	if (fd != -1 && (s->parts & (PART_HEADER | PART_BODY)) != 0 &&
	    copy_message(fd, (off_t)json_integer_value(json_object_get(o, "body_offset")),
		(uint64_t)json_integer_value(json_object_get(o, "body_size")), s->parts) == -1)
		s->failed = true;
	if (fd != -1)
		close(fd);
	json_decref(o);
}

int queue_show(const char *id, unsigned parts)
{
	struct shown s = { .parts = parts };
	struct put w = put_start();
	int r;

	put_z(&w, id);
	r = tool_ask("queue", QUEUE_CTL_SHOW, &w, on_shown, &s);
	if (s.failed)
		return tool_fail(EX_IOERR, "%s: cannot be read", id);
	return r;
}
