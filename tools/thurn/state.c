/*
 * The state of the running suite. See state.h. Master answers with records of fields with tabs
 * between them (proto/control.h), and with a channel on which each process tells what it counts.
 */
#include "state.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

/* --- what the kernel knows of a process ------------------------------------------------------- */

/* A field of /proc/PID/status that is a number, the first if there are several; or -1. */
static long kernel_number(long pid, const char *name)
{
	char path[64], line[256];
	long value = -1;
	FILE *fp;

	snprintf(path, sizeof path, "/proc/%ld/status", pid);
	fp = fopen(path, "re");
	if (fp == NULL)
		return -1;
	while (fgets(line, sizeof line, fp) != NULL)
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = strtol(line + strlen(name) + 1, NULL, 10);
	fclose(fp);
	return value;
}

/* proc_pid_stat(5): in ticks, the 22nd field; the second, in parentheses, may have blanks. 0 = not known. */
static int64_t uptime_ms(long pid)
{
	char path[64], line[1024];
	struct timespec now;
	struct str rest, word;
	uint64_t ticks = 0;
	FILE *fp;

	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	fp = fopen(path, "re");
	if (fp == NULL)
		return 0;
	if (fgets(line, sizeof line, fp) == NULL)
		line[0] = '\0';
	fclose(fp);
	rest = str_of(line);
	rest = str_skip(rest, (size_t)(str_rfind(rest, ')') + 1));
	for (int i = 3; i <= 22 && str_word(&rest, &word); i++)
		if (i == 22)
			(void)str_u64(word, INT64_MAX, &ticks);
	if (ticks == 0 || clock_gettime(CLOCK_BOOTTIME, &now) == -1)
		return 0;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 -
	       (int64_t)ticks * 1000 / sysconf(_SC_CLK_TCK);
}

static void add_uid(json_t *o)
{
	long pid = (long)json_integer_value(json_object_get(o, "pid"));

	if (pid > 0)
		json_object_set_new(o, "uid", json_integer(kernel_number(pid, "Uid")));
}

/* master starts the others: what it has of the layers is what they inherit. */
static void add_master(json_t *o)
{
	long pid = (long)json_integer_value(json_object_get(o, "pid"));
	json_t *layers = json_array();

	if (kernel_number(pid, "NoNewPrivs") == 1)
		json_array_append_new(layers, json_string("no-new-privs"));
	if (kernel_number(pid, "Seccomp") > 0)
		json_array_append_new(layers, json_string("seccomp"));
	json_object_set_new(o, "layers", layers);
	json_object_set_new(o, "uptime_ms", json_integer(uptime_ms(pid)));
}

/* --- records ---------------------------------------------------------------------------------- */

static void read_suite(json_t *o, struct str rest)
{
	add_text(o, "process", STR("master"));
	add_number(o, "pid", field(&rest));
	add_text(o, "state", field(&rest));
	add_number(o, "generation", field(&rest));
	add_number(o, "channels_replaced", field(&rest));
	add_text(o, "conf", rest);
	add_uid(o);
	add_master(o);
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
