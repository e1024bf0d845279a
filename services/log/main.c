/*
 * log: takes the events of every process and writes them as lines. It believes nobody about who
 * they are: program and instance belong to the channel, the pid is the kernel's word, and a
 * session's stands in spawn's message. It never makes a sender wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "counters.h"
#include "event.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "render.h"
#include "sink.h"

enum { LINE_MAX_BYTES = 512 * 1024, DRAIN_MS = 50, PATH_BYTES = 1024 };

static struct {
	enum sink_target target;
	void (*render)(struct buf *, const char *, const struct origin *, const struct entry *);
	char host[256];
	char socket[PATH_BYTES];
} settings;

static struct buf line = { .max = LINE_MAX_BYTES };
static uint64_t dropped; /* by their senders */

/* --- events ---------------------------------------------------------------------------------- */

static void write_event(const struct origin *o, const struct entry *e)
{
	buf_reset(&line);
	settings.render(&line, settings.host, o, e);
	count_event(e->name);
	sink_line(buf_view(&line));
}

static int take_events(const struct origin *o, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint32_t n = get_dropped(&g);
	struct entry e;
	int r;

	if (n > 0) {
		dropped += n;
		log_warning(NULL, EV("events-dropped"), KZ("program", o->program), KI("count", n));
	}
	while ((r = get_event(&g, &e)) == 1)
		write_event(o, &e);
	if (r == -1)
		log_error(NULL, EV("peer-malformed"), KZ("peer", o->program), KI("pid", o->pid));
	return r;
}

static int on_events(struct chan *c, struct ipc_msg *m)
{
	struct origin o = { role_name(c->role), c->instance, m->pid, -1 };

	return take_events(&o, m);
}

/* --- sessions -------------------------------------------------------------------------------- */

struct session {
	struct chan chan;
	struct origin origin;
};

static int on_session_events(struct chan *c, struct ipc_msg *m)
{
	const struct session *s = c->owner;

	return take_events(&s->origin, m);
}

static const struct chan_row session_rows[] = {
	{ LOG_EVENTS, 0, on_session_events },
	{ 0 },
};

static void session_down(struct chan *c)
{
	free(c->owner);
}

/* spawn has started a session and hands over its channel. */
static int on_session(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint32_t pid = get_u32(&g), uid = get_u32(&g);
	struct session *s;
	int fd;

	(void)c;
	if (get_end(&g) == -1 || m->nfds != 1)
		return -1;
	fd = ipc_take_fd(m, 0);
	s = xcalloc(1, sizeof *s);
	s->origin = (struct origin){ role_name(ROLE_SESSION), 0, (int32_t)pid, uid };
	chan_init(&s->chan, &fd, session_rows, session_down);
	s->chan.owner = s;
	return 0;
}

static const struct chan_row rows[] = {
	{ LOG_EVENTS, 0, on_events },
	{ 0 },
};

static const struct chan_row spawn_rows[] = {
	{ LOG_EVENTS, 0, on_events },
	{ LOG_SESSION, 1, on_session },
	{ 0 },
};

static const struct peer_spec peers[] = {
	{ ROLE_MASTER, .rows = rows },
	{ ROLE_SPAWN, .rows = spawn_rows },
	{ ROLE_LOOKUP, .rows = rows },
	{ ROLE_AUTH, .rows = rows },
	{ ROLE_SASL, .rows = rows },
	{ ROLE_KEYS, .rows = rows },
	{ ROLE_NOTIFY, .rows = rows },
	{ ROLE_QUEUE, .rows = rows },
	{ ROLE_MAILDIR, .rows = rows },
	{ ROLE_REMOTE, .rows = rows },
	{ ROLE_RESOLVER, .rows = rows },
	{ ROLE_PAM, .rows = rows },
	{ ROLE_FETCH, .rows = rows },
	{ ROLE_POLICY, .rows = rows },
	{ ROLE_CREDENTIALS, .rows = rows },
	{ ROLE_SMTPD, .rows = rows },
	{ ROLE_LOCAL, .rows = rows },
	{ ROLE_SUBMIT, .rows = rows },
	{ ROLE_LOGIN, .rows = rows },
	{ ROLE_NONE },
};

/* --- the process ----------------------------------------------------------------------------- */

static struct chan own; /* what this process has to say itself takes the same way */
static int own_fd = -1;

static void load_settings(void)
{
	const struct conf *c = proc_conf();
	struct str target = conf_str(c, "log_target");

	settings.target = str_eq(target, STR("file"))     ? SINK_FILE
			  : str_eq(target, STR("stdout")) ? SINK_STDOUT
							  : SINK_SYSLOG;
	settings.render = str_eq(conf_str(c, "log_format"), STR("json")) ? render_json
			  : settings.target == SINK_SYSLOG               ? render_syslog
									 : render_text;
	if (str_copy(conf_str(c, "hostname"), settings.host, sizeof settings.host) == -1 ||
	    str_copy(conf_str(c, "log_syslog_socket"), settings.socket, sizeof settings.socket) ==
		-1)
		settings.socket[0] = '\0';
}

static int open_log(void)
{
	int pair[2];

	tzset();
	load_settings();
	if (sink_open(settings.target, proc_fd("logs"), settings.socket) == -1) {
		log_error(NULL, EV("log-unusable"), KZ("socket", settings.socket), KERRNO);
		return -1;
	}
	if (ipc_pair(pair) == -1 || ipc_want_pid(pair[1]) == -1)
		return -1;
	log_open(&pair[0], role_name(ROLE_LOG));
	own_fd = pair[1];
	return 0;
}

static void before_sleep(void)
{
	uint64_t lost = sink_take_lost();

	if (lost > 0)
		log_warning(NULL, EV("lines-lost"), KI("count", lost));
	sink_flush();
}

static int start_log(void)
{
	own.role = ROLE_LOG;
	chan_init(&own, &own_fd, rows, NULL);
	loop_before_sleep(before_sleep);
	return 0;
}

/* What needs another descriptor needs another process: this one may open no socket any more. */
static void reload(void)
{
	enum sink_target target = settings.target;
	char before[PATH_BYTES];

	str_copy(str_of(settings.socket), before, sizeof before);
	load_settings();
	if (settings.target != target || strcmp(before, settings.socket) != 0)
		proc_exit(0);
}

static void leave(void *arg)
{
	(void)arg;
	sink_flush();
	proc_exit(0);
}

/* All others have ended by now; what they said last is still on its way. */
static void drain(void)
{
	static struct timer timer;

	timer_set(&timer, DRAIN_MS, leave, NULL);
}

static void status(struct buf *out)
{
	buf_printf(out, "dropped %llu\n", (unsigned long long)dropped);
	counters_write(out);
}

int main(void)
{
	static const struct program p = {
		.role = ROLE_LOG,
		.peers = peers,
		.open = open_log,
		.start = start_log,
		.reload = reload,
		.drain = drain,
		.status = status,
	};

	return proc_main(&p);
}
