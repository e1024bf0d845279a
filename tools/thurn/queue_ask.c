/* What the tools ask the queue. See queue_ask.h. */
#include "queue_ask.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "command.h"
#include "listing.h"
#include "proto/types.h"

enum { ID_LINE_MAX = 256 };

/* --- lists ----------------------------------------------------------------------------------- */

struct str queue_value(struct arena *a, const char *text)
{
	size_t n = strlen(text);
	char *out = arena_alloc(a, 2 * n + 3), *p = out;

	*p++ = '"';
	for (; *text != '\0'; text++) {
		if (strchr("\\\"*", *text) != NULL)
			*p++ = '\\';
		*p++ = *text;
	}
	*p++ = '"';
	return str_bytes(out, (size_t)(p - out));
}

static void on_listed(void *arg, struct str json, struct ipc_msg *m)
{
	(void)m;
	listing_add(arg, json);
}

int queue_records(const char *where, bool trash, queue_record_fn *record, void *arg)
{
	struct put w = put_start();

	put_z(&w, where);
	put_u8(&w, trash);
	return tool_ask("queue", QUEUE_CTL_LIST, &w, record, arg);
}

int queue_list(const char *where, bool trash, bool json)
{
	struct listing l = { .out = stdout };
	int r = queue_records(where, trash, json ? tool_print_record : on_listed, &l);

	if (r == EX_OK && !json)
		listing_end(&l);
	return r;
}

/* Counters in pairs, messages and bytes, as {"active": 1, "active_bytes": 2}; switches otherwise.
 */
static void on_summary(void *arg, struct str json, struct ipc_msg *m)
{
	static const char *const queues[] = { "incoming", "active", "ready", "deferred", "hold",
		"trash" };
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
	if (json_integer_value(json_object_get(o, "directories_lost")) > 0)
		printf("%lld directories of the spool take no mail: their making could not be "
		       "synced. Stop, check the file system, start; see thurn-queue(8).\n",
		    (long long)json_integer_value(json_object_get(o, "directories_lost")));
	json_decref(o);
}

int queue_summary(bool json)
{
	struct put w = put_start();

	return tool_ask(
	    "queue", QUEUE_CTL_SUMMARY, &w, json ? tool_print_record : on_summary, NULL);
}

/* --- ages ------------------------------------------------------------------------------------ */

static void shape_line(json_t *o, const char *name)
{
	json_t *age;
	size_t i;

	printf("%40s %7lld", name, (long long)json_integer_value(json_object_get(o, "total")));
	json_array_foreach(json_object_get(o, "ages"), i, age)
	    printf(" %6lld", (long long)json_integer_value(age));
	putchar('\n');
}

static void on_shape(void *arg, struct str json, struct ipc_msg *m)
{
	static const char *const names[][2] = { { "total", "TOTAL" }, { "others", "(others)" },
		{ "unknown", "(not read yet)" } };
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	const char *row = json_string_value(json_object_get(o, "row"));
	const char *name = json_string_value(json_object_get(o, "domain"));
	bool *begun = arg;

	(void)m;
	if (!*begun)
		printf("%40s %7s %6d %6d %6d %6d %6d %6d %6d %6d %6d %6s\n", "", "T", 5, 10, 20, 40,
		    80, 160, 320, 640, 1280, "1280+");
	*begun = true;
	if (name == NULL || name[0] == '\0')
		name = "(none)";
	for (size_t i = 0; row != NULL && i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(row, names[i][0]) == 0)
			name = names[i][1];
	}
	shape_line(o, name);
	json_decref(o);
}

int queue_shape(const char *where, bool by_sender, uint32_t rows, bool json)
{
	struct put w = put_start();
	bool begun = false;

	put_z(&w, where);
	put_u8(&w, by_sender);
	put_u32(&w, rows);
	return tool_ask("queue", QUEUE_CTL_SHAPE, &w, json ? tool_print_record : on_shape, &begun);
}

/* --- logins ---------------------------------------------------------------------------------- */

static void print_count(json_t *o, const char *name, const char *until)
{
	time_t at = (time_t)json_integer_value(json_object_get(o, until));
	char when[32] = "-";
	struct tm tm;

	if (at != 0 && localtime_r(&at, &tm) != NULL)
		strftime(when, sizeof when, "%H:%M:%S", &tm);
	printf(" %8lld %9s", (long long)json_integer_value(json_object_get(o, name)), when);
}

static void on_login(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	const char *login = json_string_value(json_object_get(o, "login"));
	bool *begun = arg;

	(void)m;
	if (!*begun)
		printf("%-40s %8s %9s %8s %9s\n", "LOGIN", "HOUR", "UNTIL", "DAY", "UNTIL");
	*begun = true;
	printf("%-40s", login != NULL ? login : "");
	print_count(o, "hour", "hour_until");
	print_count(o, "day", "day_until");
	putchar('\n');
	json_decref(o);
}

int queue_logins(const char *login, bool json)
{
	struct put w = put_start();
	bool begun = false;

	put_z(&w, login);
	return tool_ask("queue", QUEUE_CTL_LOGINS, &w, json ? tool_print_record : on_login, &begun);
}

/* --- actions --------------------------------------------------------------------------------- */

struct acted {
	struct queue_order *order;
	struct listing listing; /* of a dry run */
};

static void on_acted(void *arg, struct str json, struct ipc_msg *m)
{
	struct acted *a = arg;
	json_t *o = json_loadb(json.p, json.n, 0, NULL), *count = json_object_get(o, "count");

	if (count != NULL)
		a->order->count += (uint64_t)json_integer_value(count);
	else if (a->order->json)
		tool_print_record(NULL, json, m);
	else
		listing_add(&a->listing, json);
	json_decref(o);
}

/* The same for all that this process asks for. */
static int64_t order_time(void)
{
	static int64_t began;

	if (began == 0)
		began = (int64_t)time(NULL);
	return began;
}

static struct put act_request(const struct queue_order *o, struct str where)
{
	struct put w = put_start();

	put_z(&w, o->action);
	put_str(&w, where);
	put_z(&w, o->note != NULL ? o->note : "");
	put_i64(&w, order_time());
	put_z(&w, o->to != NULL ? o->to : "");
	put_z(&w, o->nexthop != NULL ? o->nexthop : "");
	put_u8(&w, o->dry);
	return w;
}

int queue_act(struct queue_order *o, struct str where)
{
	struct acted a = { .order = o, .listing.out = stdout };
	struct put w = act_request(o, where);

	return tool_ask("queue", QUEUE_CTL_ACT, &w, on_acted, &a);
}

static int act_from_stdin(struct queue_order *o)
{
	char line[ID_LINE_MAX];
	int status = EX_OK;

	while (fgets(line, sizeof line, stdin) != NULL) {
		struct str id = str_trim(str_of(line));
		int r;

		if (id.n == 0)
			continue;
		r = queue_act(o, id);
		status = r != EX_OK ? r : status;
	}
	return status;
}

static int act_on_site(struct queue_order *o, const char *domain)
{
	struct arena a;
	int r;

	arena_init(&a);
	r = queue_act(o, arena_printf(&a, "rcpt-domain=%.*s", STR_ARG(queue_value(&a, domain))));
	arena_clear(&a);
	return r;
}

int queue_act_each(struct queue_order *o, char *const *argv)
{
	int status = EX_OK;

	for (; *argv != NULL; argv++) {
		int r = strcmp(*argv, "-") == 0 ? act_from_stdin(o)
			: **argv == '@'         ? act_on_site(o, *argv + 1)
						: queue_act(o, str_of(*argv));

		status = r != EX_OK ? r : status;
	}
	return status;
}

int queue_act_quietly(struct queue_order *o, struct str id)
{
	struct acted a = { .order = o, .listing.out = stdout };
	struct control_answer answer;
	struct put w = act_request(o, id);

	if (tool_request("queue", QUEUE_CTL_ACT, &w, on_acted, &a, &answer) == -1)
		return EX_UNAVAILABLE;
	if (answer.status != EX_OK && answer.status != EX_DATAERR)
		return tool_fail((int)answer.status, "%s", answer.text);
	return EX_OK;
}

/* Ids of messages that are in one of some queues. */
struct chosen {
	const char *const *queues; /* ends with NULL */
	struct queue_ids *ids;
};

static void on_chosen(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	const char *queue = json_string_value(json_object_get(o, "queue_name"));
	const char *id = json_string_value(json_object_get(o, "queue_id"));
	struct chosen *c = arg;

	(void)m;
	for (const char *const *q = c->queues; *q != NULL; q++) {
		if (queue == NULL || id == NULL || strcmp(*q, queue) != 0)
			continue;
		c->ids->list = xreallocarray(c->ids->list, c->ids->n + 1, sizeof *c->ids->list);
		c->ids->list[c->ids->n++] = xstrdup(id);
	}
	json_decref(o);
}

int queue_find(struct queue_ids *ids, const char *id, const char *const *queues)
{
	struct chosen c = { queues, ids };

	*ids = (struct queue_ids){ .n = 0 };
	return queue_records(id, false, on_chosen, &c);
}

void queue_ids_clear(struct queue_ids *ids)
{
	for (size_t i = 0; i < ids->n; i++)
		free(ids->list[i]);
	free(ids->list);
}

/* --- one message ----------------------------------------------------------------------------- */

struct shown {
	json_t *transcripts;
	unsigned parts;
	bool failed;
};

/* The message with LF line ends, its header and its body (from the empty line on) as
 * asked. */
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
			bool wanted;

			if (c == '\n' && empty)
				header = false;
			wanted = (parts & (header ? PART_HEADER : PART_BODY)) != 0;
			if (cr && c != '\n' && wanted)
				putchar('\r');
			cr = c == '\r';
			if (cr)
				continue;
			if (wanted)
				putchar(c);
			empty = c == '\n';
		}
		at += n;
		size -= (uint64_t)n;
	}
	return 0;
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

/* The latest first: for whom, and what was said, each line by how much time had passed. */
static void print_transcripts(json_t *all)
{
	json_t *t, *rcpt;
	size_t i, k;

	json_array_foreach(all, i, t)
	{
		time_t when = (time_t)json_number_value(json_object_get(t, "time"));

		fputs("\ntranscript:", stdout);
		json_array_foreach(json_object_get(t, "recipients"), k, rcpt)
		    printf(" %s", json_string_value(rcpt));
		printf(", ended %s%s", ctime(&when), text_of(t, "transcript"));
	}
}

/* A line per field, as JSON. */
static void envelope_as_json(json_t *o)
{
	json_t *value;
	const char *key;
	char *text;

	json_object_foreach(o, key, value)
	{
		if (strcmp(key, "transcripts") == 0)
			continue;
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		printf("%s: %s\n", key, text != NULL ? text : "");
		free(text);
	}
	print_transcripts(json_object_get(o, "transcripts"));
	putchar('\n');
}

/* "*** WHAT deferred/abcdefghijklm ***" */
static void postcat_mark(json_t *o, const char *what)
{
	printf("*** %s %s/%s ***\n", what, text_of(o, "queue_name"), text_of(o, "queue_id"));
}

/* In the words of postcat(1). */
static void envelope_as_postcat(json_t *o)
{
	static const char *const attributes[][2] = { { "queue_id", "log_ident" },
		{ "client", "client_address" }, { "login", "sasl_username" },
		{ "trace", "trace" } };
	time_t arrival = (time_t)json_integer_value(json_object_get(o, "arrival_time"));
	json_t *r;
	size_t i;

	postcat_mark(o, "ENVELOPE RECORDS");
	printf("message_size: %lld\n",
	    (long long)json_integer_value(json_object_get(o, "message_size")));
	printf("message_arrival_time: %s", ctime(&arrival));
	printf("sender: %s\n", text_of(o, "sender"));
	for (i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
		if (text_of(o, attributes[i][0])[0] != '\0')
			printf("named_attribute: %s=%s\n", attributes[i][1],
			    text_of(o, attributes[i][0]));
	}
	json_array_foreach(json_object_get(o, "recipients"), i, r)
	{
		const char *given = text_of(r, "orig_address");

		printf("original_recipient: %s\nrecipient: %s\n",
		    given[0] != '\0' ? given : text_of(r, "address"), text_of(r, "address"));
	}
	postcat_mark(o, "MESSAGE CONTENTS");
}

static void print_json(json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
}

static void on_shown(void *arg, struct str json, struct ipc_msg *m)
{
	struct shown *s = arg;
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	int fd = ipc_take_fd(m, 0);
	bool postcat = (s->parts & PART_POSTCAT) != 0 && (s->parts & PART_ENVELOPE) != 0;

	if (json_object_get(o, "transcript") != NULL) { /* before the message itself */
		json_array_append_new(s->transcripts, o);
		return;
	}
	if (o != NULL && json_array_size(s->transcripts) > 0)
		json_object_set(o, "transcripts", s->transcripts);
	if (o != NULL && (s->parts & PART_JSON) != 0)
		print_json(o);
	else if (o != NULL && (s->parts & PART_ENVELOPE) != 0)
		(postcat ? envelope_as_postcat : envelope_as_json)(o);
	if (fd != -1 && (s->parts & (PART_HEADER | PART_BODY)) != 0 &&
	    copy_message(fd, (off_t)json_integer_value(json_object_get(o, "body_offset")),
		(uint64_t)json_integer_value(json_object_get(o, "body_size")), s->parts) == -1)
		s->failed = true;
	if (o != NULL && postcat) {
		postcat_mark(o, "HEADER EXTRACTED");
		postcat_mark(o, "MESSAGE FILE END");
	}
	if (fd != -1)
		close(fd);
	json_decref(o);
}

int queue_show(const char *id, unsigned parts)
{
	struct shown s = { .transcripts = json_array(), .parts = parts };
	struct put w = put_start();
	struct control_answer answer;
	int r;

	put_z(&w, id);
	if ((parts & PART_POSTCAT) == 0) {
		r = tool_ask("queue", QUEUE_CTL_SHOW, &w, on_shown, &s);
	} else {
		r = tool_request("queue", QUEUE_CTL_SHOW, &w, on_shown, &s, &answer) == -1 ||
		    answer.status != EX_OK;
		if (r != 0)
			tool_warn("fatal: open queue file %s: %s", id,
			    answer.status == EX_DATAERR ? strerror(ENOENT) : answer.text);
	}
	json_decref(s.transcripts);
	if (s.failed)
		return tool_fail(EX_IOERR, "%s: cannot be read", id);
	return r;
}
