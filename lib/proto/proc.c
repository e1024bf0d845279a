/*
 * The skeleton of a program: boot, confinement, reload, drain; peers are peer.c. See proc.h for the
 * contract and boot.h for the messages.
 */
#include "proto/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "proto/boot.h"
#include "proto/confload.h"
#include "proto/peer.h"
#include "proto/types.h"

enum { ARENAS = 4, FDS_MAX = 16, LISTENERS_MAX = 64, EXIT_CONFIG = 78 };
enum { RETIRED_MS = 60 * 1000 }; /* after which a replaced process listens to nobody */
enum { LOG_PAUSE_MS = 20, LOG_URGENT = 32 * 1024 };

struct named_fd {
	char name[BOOT_NAME_MAX];
	char *path;
	uint32_t rights;
	int fd;
};

static const struct program *program;
static struct boot boot;
static struct conf *conf;
static struct chan control;
static int root_fd = -1;
static struct named_fd named_fds[FDS_MAX];
static size_t nfds;
static struct listener listeners[LISTENERS_MAX];
static uint32_t listener_sections[LISTENERS_MAX];
static size_t nlisteners;
static bool booted, retired, ending;

/* --- what programs ask ------------------------------------------------------------------------ */

const struct conf *proc_conf(void)
{
	return conf;
}

unsigned proc_instance(void)
{
	return boot.instance;
}

bool proc_is_root(void)
{
	return boot.privilege.root;
}

struct str proc_extra(void)
{
	return boot.extra;
}

void proc_ask_files(void)
{
	struct put w = put_start();

	chan_send(&control, BOOT_FILES, &w, NULL, 0);
}

void proc_ask_connection(struct str path, uint32_t token)
{
	struct put w = put_start();

	put_u32(&w, token);
	put_str(&w, path);
	chan_send(&control, BOOT_CONNECT, &w, NULL, 0);
}

static const struct named_fd *find_fd(const char *name)
{
	for (size_t i = 0; i < nfds; i++)
		if (strcmp(named_fds[i].name, name) == 0)
			return &named_fds[i];
	return NULL;
}

int proc_fd(const char *name)
{
	const struct named_fd *f = find_fd(name);

	return f == NULL ? -1 : f->fd;
}

const char *proc_path(const char *name)
{
	const struct named_fd *f = find_fd(name);

	return f == NULL ? NULL : f->path;
}

size_t proc_listeners(const struct listener **out)
{
	*out = listeners;
	return nlisteners;
}

/* --- ending ----------------------------------------------------------------------------------- */

_Noreturn void proc_exit(int status)
{
	log_flush();
	_exit(status);
}

_Noreturn void proc_fatal(const char *event, struct str why)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = BOOT_FATAL };

	log_error(NULL, event, KS("why", why));
	put_z(&w, event);
	put_str(&w, str_take(why, BOOT_TEXT_MAX));
	m.body = put_view(&w);
	ipc_send(control.fd, &m);
	proc_exit(EXIT_CONFIG);
}

static _Noreturn void fatal_errno(const char *event)
{
	proc_fatal(event, str_of(strerror(errno)));
}

/* --- messages of the parent ------------------------------------------------------------------- */

static int on_begin(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	int fd = ipc_take_fd(m, 0);

	(void)c;
	if (get_boot(&g, &boot) == -1 || fd == -1)
		return -1;
	boot.extra.p = str_dup(boot.extra); /* for the life of the process */
	conf = conf_read(fd);
	close(fd);
	root_fd = ipc_take_fd(m, 1);
	return conf == NULL ? -1 : 0;
}

static int on_fd(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str name = get_line(&g, BOOT_NAME_MAX - 1), path = get_line(&g, BOOT_PATH_MAX);
	struct named_fd *f = &named_fds[nfds];

	(void)c;
	if (nfds == FDS_MAX || m->nfds != 1)
		return -1;
	f->rights = get_u32(&g);
	if (get_end(&g) == -1 || str_copy(name, f->name, sizeof f->name) == -1)
		return -1;
	f->path = str_dup(path);
	f->fd = ipc_take_fd(m, 0);
	nfds++;
	return 0;
}

static int on_listener(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint32_t section = get_u32(&g);

	(void)c;
	if (get_end(&g) == -1 || nlisteners == LISTENERS_MAX || m->nfds != 1)
		return -1;
	listeners[nlisteners].conf = conf_section(conf, "listener", section);
	if (listeners[nlisteners].conf == NULL)
		return -1;
	listener_sections[nlisteners] = section;
	listeners[nlisteners++].fd = ipc_take_fd(m, 0);
	return 0;
}

static int on_peer(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	enum role role = get_u8(&g);
	unsigned instance = get_u16(&g);
	int fd;

	(void)c;
	if (get_end(&g) == -1 || m->nfds != 1)
		return -1;
	fd = ipc_take_fd(m, 0);
	if (role == ROLE_LOG)
		log_open(&fd, role_name(boot.role));
	else
		peers_add(role, instance, fd);
	return 0;
}

static void load_log_level(void)
{
	static const char *const names[] = { "debug", "info", "notice", "warning", "error" };
	struct str level = conf_str(conf, "log_level");

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(level, str_of(names[i])))
			log_threshold((enum log_level)i);
}

/* A program without a reload function is started again with the new configuration. */
static int on_reload(struct chan *c, struct ipc_msg *m)
{
	int fd = ipc_take_fd(m, 0);
	struct conf *fresh = fd == -1 ? NULL : conf_read(fd), *old = conf;

	(void)c;
	if (fd != -1)
		close(fd);
	if (fresh == NULL)
		return -1;
	if (program->reload == NULL)
		proc_exit(0);
	conf = fresh;
	for (size_t i = 0; i < nlisteners; i++)
		listeners[i].conf = conf_section(conf, "listener", listener_sections[i]);
	load_log_level();
	program->reload();
	conf_free(old);
	log_info(NULL, EV("reloaded"));
	return 0;
}

static int on_file(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str none = get_line(&g, 0), path = get_line(&g, BOOT_PATH_MAX);
	uint32_t error = get_u32(&g);
	int fd = ipc_take_fd(m, 0);

	(void)c;
	(void)none;
	if (get_end(&g) == -1 || program->file == NULL)
		return -1;
	program->file(path, &fd, fd == -1 && error == 0 ? EBADF : (int)error);
	return 0;
}

static int on_files_end(struct chan *c, struct ipc_msg *m)
{
	(void)c;
	(void)m;
	if (program->files_end == NULL)
		return -1;
	program->files_end();
	return 0;
}

static int on_connected(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint32_t token = get_u32(&g), error = get_u32(&g);
	int fd = ipc_take_fd(m, 0);

	(void)c;
	if (get_end(&g) == -1 || program->connected == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	program->connected(token, &fd, fd == -1 && error == 0 ? EBADF : (int)error);
	if (fd != -1)
		close(fd);
	return 0;
}

static int on_drain(struct chan *c, struct ipc_msg *m)
{
	(void)c;
	(void)m;
	if (ending)
		return 0;
	ending = true;
	if (program->drain == NULL)
		proc_exit(0);
	program->drain();
	return 0;
}

/* Who asks has been given a channel to the new process before, and lets ours go when it has heard
 * of it. */
static void drain_when_alone(void)
{
	if (retired && !peers_asking())
		on_drain(&control, NULL);
}

static void lose_patience(void *arg)
{
	(void)arg;
	on_drain(&control, NULL);
}

static int on_retire(struct chan *c, struct ipc_msg *m)
{
	static struct timer patience;

	(void)c;
	(void)m;
	if (program->retire != NULL) {
		program->retire();
		return 0;
	}
	retired = true;
	timer_set(&patience, RETIRED_MS, lose_patience, NULL);
	drain_when_alone();
	return 0;
}

static int on_status(struct chan *c, struct ipc_msg *m)
{
	struct buf text;
	int fd = ipc_take_fd(m, 0);

	(void)c;
	if (fd == -1)
		return -1;
	buf_init(&text, IPC_BODY_MAX / 2);
	if (program->status != NULL)
		program->status(&text);
	boot_tell_status(fd, boot.role, boot.instance, buf_view(&text));
	buf_clear(&text);
	return 0;
}

static int on_go(struct chan *c, struct ipc_msg *m)
{
	(void)c;
	(void)m;
	booted = true;
	return 0;
}

static const struct chan_row boot_rows[] = {
	{ BOOT_BEGIN, 2, on_begin },
	{ BOOT_FD, 1, on_fd },
	{ BOOT_LISTENER, 1, on_listener },
	{ BOOT_PEER, 1, on_peer },
	{ BOOT_GO, 0, on_go },
	{ 0 },
};

static const struct chan_row control_rows[] = {
	{ BOOT_PEER, 1, on_peer },
	{ BOOT_RELOAD, 1, on_reload },
	{ BOOT_RETIRE, 0, on_retire },
	{ BOOT_DRAIN, 0, on_drain },
	{ BOOT_STATUS, 1, on_status },
	{ BOOT_FD, 1, on_file },
	{ BOOT_FILES_END, 0, on_files_end },
	{ BOOT_CONNECTED, 1, on_connected },
	{ 0 },
};

/* The parent is gone: nobody is left to do anything for. */
static void control_down(struct chan *c)
{
	(void)c;
	proc_exit(0);
}

int proc_control_fd(void)
{
	return control.fd;
}

bool proc_control(void)
{
	loop_poll();
	return ending;
}

/* --- start ------------------------------------------------------------------------------------ */

/* The ports that its configuration names for it. */
static size_t ports_to_connect(uint16_t ports[CONNECT_PORTS_MAX])
{
	static const struct {
		enum role role;
		const char *setting;
	} lists[] = { { ROLE_REMOTE, "remote_ports" }, { ROLE_RESOLVER, "dns_ports" },
		{ ROLE_FETCH, "fetch_ports" } };
	size_t n = 0;
	uint64_t port;

	for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
		if (boot.role != lists[l].role)
			continue;
		for (size_t i = 0; i < conf_count(conf, lists[l].setting) && n < CONNECT_PORTS_MAX;
		     i++)
			if (str_u64(conf_item(conf, lists[l].setting, i), 65535, &port) == 0)
				ports[n++] = (uint16_t)port;
	}
	return n;
}

static void confine(void)
{
	struct dir_rule rules[FDS_MAX];
	uint16_t ports[CONNECT_PORTS_MAX];
	size_t nrules = 0, nports;
	struct put w;
	int layers;

	for (size_t i = 0; i < nfds; i++)
		if (named_fds[i].rights != 0)
			rules[nrules++] = (struct dir_rule){ named_fds[i].fd, named_fds[i].rights };
	nports = ports_to_connect(ports);
	layers = sandbox_confine(&boot.privilege, root_fd, rules, nrules, ports, nports);
	if (layers == -1)
		fatal_errno("confine-failed");
	if (root_fd != -1)
		close(root_fd);
	root_fd = -1;
	w = put_start();
	put_u32(&w, (uint32_t)layers);
	chan_send(&control, BOOT_READY, &w, NULL, 0);
}

static void wake_up(void *arg)
{
	(void)arg;
}

/*
 * A single event leaves at once; when many come, those of some milliseconds share a packet, which
 * would otherwise wake the log process for each.
 */
static void flush_log(void)
{
	static struct timer timer;
	static uint64_t last;
	size_t waiting = log_waiting();
	uint64_t now;

	if (waiting == 0)
		return;
	now = loop_now();
	if (now - last >= LOG_PAUSE_MS || waiting >= LOG_URGENT) {
		last = now;
		log_flush();
	} else if (!timer.armed) {
		timer_set(&timer, LOG_PAUSE_MS, wake_up, NULL);
	}
}

/* Everything that a library opens at first use is opened now. */
static void warm_up(void)
{
	struct timespec ts;
	struct tm tm;

	/* told nothing, malloc asks for the number of processors when a second thread needs memory
	 */
	mallopt(M_ARENA_MAX, ARENAS);
	tzset();
	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	setvbuf(stdout, NULL, _IONBF, 0);
	free(xmalloc(256 * 1024));
}

int proc_main(const struct program *p)
{
	int fd = BOOT_CONTROL_FD;

	program = p;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		fprintf(stderr, "%s: is started by master, not by hand\n", role_name(p->role));
		return EXIT_CONFIG;
	}
	loop_init();
	loop_before_sleep(flush_log);
	chan_init(&control, &fd, boot_rows, control_down);
	control.role = ROLE_MASTER;
	peers_init(p->peers, control.fd, drain_when_alone);
	while (!booted) {
		poll(&(struct pollfd){ .fd = control.fd, .events = POLLIN }, 1, -1);
		loop_poll();
	}
	control.rows = control_rows;
	if (boot.role != p->role && (p->also & ROLE_BIT(boot.role)) == 0)
		proc_fatal("boot-failed", STR("started as another role"));
	load_log_level();
	if (sandbox_become(&boot.privilege) == -1)
		fatal_errno("become-failed");
	warm_up();
	if (p->open != NULL && p->open() == -1)
		proc_fatal("open-failed", STR("see the event before"));
	confine();
	if (p->start != NULL && p->start() == -1)
		proc_fatal("start-failed", STR("see the event before"));
	peers_start();
	if (p->run != NULL)
		p->run();
	else
		loop_run();
	proc_exit(0);
}
