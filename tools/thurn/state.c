/*
 * The state of the running suite. See state.h. Master answers with records of fields with tabs
 * between them (proto/control.h), and with a channel on which each process tells what it counts.
 */
#include "state.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "command.h"
#include "proto/role.h"
#include "proto/types.h"

enum { PATIENCE = 2000 }; /* ms for a process to tell what it counts; a busy one is left out */

struct reading {
	json_t *all;
	int counts; /* channel; -1 */
};

/* --- records of master ------------------------------------------------------------------------ */

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static struct str field(struct str *rest)
{
	struct str s = STR_NONE;

	return str_cut(rest, '\t', &s) ? s : STR_NONE;
}

static void add_text(json_t *o, const char *key, struct str s)
{
	json_object_set_new(o, key, json_stringn(s.p, s.n));
}

static void add_number(json_t *o, const char *key, struct str s)
{
	uint64_t v;

	if (str_u64(s, INT64_MAX, &v) == 0)
		json_object_set_new(o, key, json_integer((json_int_t)v));
}

/* Real user id of a process by /proc, or -1. */
static long uid_of(long pid)
{
	char path[64], line[256];
	long uid = -1;
	FILE *fp;

	snprintf(path, sizeof path, "/proc/%ld/status", pid);
	fp = fopen(path, "re");
	if (fp == NULL)
		return -1;
	while (fgets(line, sizeof line, fp) != NULL)
		if (strncmp(line, "Uid:", 4) == 0)
			uid = strtol(line + 4, NULL, 10);
	fclose(fp);
	return uid;
}

static void add_uid(json_t *o)
{
	long pid = (long)json_integer_value(json_object_get(o, "pid"));

	if (pid > 0)
		json_object_set_new(o, "uid", json_integer(uid_of(pid)));
}

static void read_suite(json_t *o, struct str rest)
{
	add_text(o, "process", STR("master"));
	add_number(o, "pid", field(&rest));
	add_text(o, "state", field(&rest));
	add_number(o, "generation", field(&rest));
	add_number(o, "channels_replaced", field(&rest));
	add_text(o, "conf", rest);
	add_uid(o);
}

static void read_process(json_t *o, struct str rest)
{
	json_t *layers = json_array();
	uint64_t bits;

	add_text(o, "process", field(&rest));
	add_number(o, "instance", field(&rest));
	add_number(o, "pid", field(&rest));
	add_text(o, "state", field(&rest));
	add_number(o, "uptime_ms", field(&rest));
	add_number(o, "restarts", field(&rest));
	add_number(o, "generation", field(&rest));
	json_object_set_new(o, "root", json_boolean(str_eq(field(&rest), STR("1"))));
	if (str_u64(field(&rest), UINT32_MAX, &bits) == -1)
		bits = 0;
	for (unsigned i = 0; i < LAYERS; i++)
		if ((bits & 1u << i) != 0)
			json_array_append_new(layers, json_string(sandbox_layer_names[i]));
	json_object_set_new(o, "layers", layers);
	add_uid(o);
}

static void read_listener(json_t *o, struct str rest)
{
	struct str port = field(&rest), socket = field(&rest);

	add_text(o, "listener", rest);
	add_text(o, "socket", socket);
	add_number(o, "port", port);
}

static const struct {
	const char *kind;
	void (*fn)(json_t *o, struct str rest);
} kinds[] = {
	{ "suite", read_suite },
	{ "process", read_process },
	{ "listener", read_listener },
};

static void on_record(void *arg, struct str rest, struct ipc_msg *m)
{
	struct reading *r = arg;
	struct str kind = field(&rest);

	if (str_eq(kind, STR("counts")) && r->counts == -1)
		r->counts = ipc_take_fd(m, 0);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (str_eq(kind, str_of(kinds[i].kind))) {
			json_t *o = json_object();

			kinds[i].fn(o, rest);
			json_array_append_new(r->all, o);
		}
}

/* --- what processes count --------------------------------------------------------------------- */

static json_t *find(json_t *all, const char *role, unsigned instance)
{
	json_t *o;
	size_t i;

	json_array_foreach(all, i, o) if (strcmp(text_of(o, "process"), role) == 0 &&
					  json_integer_value(json_object_get(o, "instance")) ==
					      (json_int_t)instance) return o;
	return NULL;
}

/* Lines "name value". */
static json_t *read_counts(struct str text)
{
	json_t *counts = json_object();
	struct str line, name;
	char key[128];

	while (str_cut(&text, '\n', &line))
		if (str_cut(&line, ' ', &name) && str_copy(name, key, sizeof key) == 0)
			add_number(counts, key, line);
	return counts;
}

static void on_counts(json_t *all, const struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	const char *role = role_name(get_u8(&g));
	unsigned instance = get_u16(&g);
	struct str text = get_str(&g, IPC_BODY_MAX);
	json_t *o = find(all, role, instance);

	if (get_end(&g) == 0 && o != NULL)
		json_object_set_new(o, "counts", read_counts(text));
}

/* Until the last process has closed the channel. */
static void gather_counts(struct reading *r)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;

	while (poll(&(struct pollfd){ .fd = r->counts, .events = POLLIN }, 1, PATIENCE) == 1 &&
	       ipc_recv(r->counts, &m, space) == 1) {
		on_counts(r->all, &m);
		ipc_close_fds(&m);
	}
	close(r->counts);
}

json_t *state_read(int *status)
{
	struct reading r = { .counts = -1 };
	struct put w = put_start();
	struct control_answer answer;
	struct control c;

	*status = EX_UNAVAILABLE;
	if (tool_control(&c, "control") == -1)
		return NULL;
	r.all = json_array();
	if (control_ask(&c, CONTROL_STATUS, &w, on_record, &r, &answer) == -1)
		*status = tool_fail(EX_NOPERM, "no answer: only the owner of the suite is told");
	else if (answer.status != 0)
		*status = tool_fail((int)answer.status, "%s", answer.text);
	else
		*status = EX_OK;
	control_close(&c);
	if (r.counts != -1)
		gather_counts(&r);
	if (*status == EX_OK)
		return r.all;
	json_decref(r.all);
	return NULL;
}
