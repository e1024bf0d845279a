/*
 * The skeleton of every program but master, config and tools: takes the boot messages from master
 * (or from spawn) on descriptor 3, opens what must be open, confines itself, and serves.
 *
 *	static const struct peer_spec peers[] = {
 *		{ ROLE_QUEUE, .rows = queue_rows, .up = queue_up, .down = queue_down }, { 0 } };
 *	int main(void)
 *	{
 *		static const struct program p = { .role = ROLE_LOOKUP, .peers = peers, .open = ...};
 *		return proc_main(&p);
 *	}
 *
 * What a process may do (uid, root, system calls, files, limits) is not said here: it is its row in
 * master/table.c, which comes with the boot message.
 */
#ifndef PROTO_PROC_H
#define PROTO_PROC_H

#include "base/buf.h"
#include "base/chan.h"
#include "base/ipc.h"
#include "proto/conf.h"
#include "proto/role.h"

struct peer_spec {
	enum role role; /* ROLE_NONE ends the table */
	const struct chan_row *rows;
	void (*up)(
	    struct chan *c); /* a channel to (an instance of) that role is there; may be NULL */
	void (*down)(struct chan *c); /* it has gone; may be NULL */
	void (*raw)(
	    int fd, unsigned instance); /* instead: the bare descriptor, for blocking programs */
	bool
	    one; /* there is one process of that role to ask: a new one is asked instead of the old one */
	bool asks; /* it asks us: retired, we go on until none of them can any more */
};

struct program {
	enum role role;
	uint32_t also; /* ROLE_BIT()s of other roles that it can be started in */
	const struct peer_spec *peers;
	/* Before confinement: settings and descriptors are there. Warm up libraries. -1 ends the start. */
	int (*open)(void);
	/* Confined: begin to take input. -1 ends the start. */
	int (*start)(void);
	/* Instead of the event loop, for blocking programs: does everything and returns at the end. Peers
	 * (raw) are connected before it. NULL: the loop runs. */
	void (*run)(void);
	/* A new configuration has been checked and is now proc_conf(). May be NULL: then the process is
	 * restarted when a setting that it may see changes. */
	void (*reload)(void);
	/* The answers to proc_ask_files(): takes *fd, -1 with an errno when the file could not be opened;
	 * and the end of them. Both NULL for most. */
	void (*file)(struct str path, int *fd, int error);
	void (*files_end)(void);
	/* The answer to proc_ask_connection(): takes *fd, -1 with an errno. NULL for most. */
	void (*connected)(uint32_t token, int *fd, int error);
	/* Another has taken over: take nothing new, go on with what is there as if nothing had happened, and
	 * call proc_exit() once nothing is left. NULL: drain, when nobody who asks is left. */
	void (*retire)(void);
	/* Take no new work; call proc_exit() once nothing is left. NULL: exit at once. Master gives
	 * up after shutdown_timeout. May come after retire. */
	void (*drain)(void);
	/* Adds lines "name value" for thurn status. May be NULL. */
	void (*status)(struct buf *out);
};

int proc_main(const struct program *p);
_Noreturn void proc_exit(int status); /* flushes the log */

/* The configuration in force (proto/conf.h); only the settings of this role are in it. */
const struct conf *proc_conf(void);
unsigned proc_instance(void);
bool proc_is_root(void); /* the suite was started by root: uids are separate */

/* The channel to (instance n of) that role, or NULL while there is none. */
struct chan *proc_peer(enum role r);
struct chan *proc_peer_nth(enum role r, unsigned instance);
/* Calls fn for each instance of that role that there is. */
void proc_each_peer(enum role r, void (*fn)(struct chan *c));

/*
 * A descriptor that master's table gives to this role, by name: "spool", "mail", "tables",
 * "accounts", ... (directories, opened O_RDONLY | O_DIRECTORY) and "socket.NAME" (listening control
 * sockets). -1 if there is none. It stays open for the life of the process.
 */
int proc_fd(const char *name);
/* Path of that directory as the process sees it before confinement; for libraries that want one. */
const char *proc_path(const char *name);

/* Has master open the files that the settings of this role name; `file` is called for each. */
void proc_ask_files(void);

/* Has master connect to a Unix socket that the settings of this role name; `connected` is called. */
void proc_ask_connection(struct str path, uint32_t token);

/* The listeners (section "listener" of the configuration) that this role serves. */
struct listener {
	int fd;
	const struct conf_section *conf;
};
size_t proc_listeners(const struct listener **out);

/* What the parent sent with the boot message for this role alone (boot.h); empty for most. */
struct str proc_extra(void);

/*
 * For blocking programs, which run a poll() loop of their own in run(): the control channel. When
 * it is readable, call proc_control(); it returns true when the process shall end.
 */
int proc_control_fd(void);
bool proc_control(void);

/* Tells master that the process cannot do its work any more; does not return. */
_Noreturn void proc_fatal(const char *event, struct str why);

#endif
