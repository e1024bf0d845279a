/*
 * What master is told of the configuration: a plan of fixed form, and for each role a sealed memory
 * file with its settings that master passes on without reading. master/config makes both, because
 * whoever is root shall know no more of settings than it has to act on.
 *
 * config is started like any program (boot.h) and asked over its control channel:
 *	CONFIG_READ {str file, bool suite}
 * It answers with any of these and ends:
 *	CONFIG_SAYS {str lines}		"FILE:LINE: sentence": warnings, or what is wrong
 *	CONFIG_SETTINGS {u8 role, u64 mark} + sealed memory file (conf.h). The mark differs
 *		when anything that this role is given differs
 *	CONFIG_LISTENER {struct plan_listener}
 *	CONFIG_PLAN {struct plan}	the last one, and only if the file is good
 * Unless it is asked for the suite, it sends the settings of ROLE_TOOL alone. Links libc only.
 */
#ifndef PROTO_PLAN_H
#define PROTO_PLAN_H

#include "base/ipc.h"
#include "proto/role.h"

enum dir {
	DIR_SPOOL,
	DIR_MAIL,
	DIR_TABLES,
	DIR_ACCOUNTS,
	DIR_LOGS,
	DIR_PAM,
	DIR_POLICIES,
	DIR_TOKENS,
	DIRS
};

enum {
	PLAN_PATH_MAX = 1024,
	PLAN_SOCKET_MAX = 108, /* sockaddr_un */
	PLAN_TEXT_MAX = 320,
	PLAN_LISTENERS_MAX = 256,
	PLAN_WORKERS_MAX = 256,
	PLAN_FILES_MAX = 192, /* of these, sockets: */
	PLAN_SOCKETS_MAX = 16,
	PLAN_SECONDS = 10, /* after which config ends itself */
};

/* One socket. */
struct plan_listener {
	uint8_t role; /* who serves it */
	uint8_t family; /* 4, 6, or 0 = a Unix socket at path */
	uint16_t port;
	uint32_t section; /* number of its "listener" section in the settings of that role */
	uint8_t address[16];
	char path[PLAN_SOCKET_MAX];
	char name[PLAN_TEXT_MAX]; /* "smtp 192.0.2.1 25": the same in two plans = the same socket */
	char title[PLAN_TEXT_MAX]; /* of its section */
	char where[PLAN_TEXT_MAX]; /* "thurn.conf:12" */
};
void put_plan_listener(struct put *w, const struct plan_listener *l);
int get_plan_listener(struct get *g, struct plan_listener *l);

/* What its settings name and a role gets when it asks (boot.h): a file opened, a Unix socket connected to. */
struct plan_file {
	uint8_t role;
	bool socket;
	char path[PLAN_PATH_MAX];
};
void put_plan_file(struct put *w, const struct plan_file *f);
int get_plan_file(struct get *g, struct plan_file *f);

struct plan {
	char run[PLAN_PATH_MAX], dirs[DIRS][PLAN_PATH_MAX]; /* absolute paths */
	struct plan_role {
		uint32_t uid, gid; /* 0 when not started by root */
		uint16_t count; /* processes */
		/* what comes by CONFIG_SETTINGS */
		uint64_t mark;
		int settings; /* -1 = none */
	} roles[ROLE_MAX];
	uint32_t mailbox_uid_min, mailbox_uid_max;
	uint32_t sessions_max, sessions_per_account;
	uint64_t body_max; /* bytes of a file that holds the largest message */
	uint32_t shutdown_ms;
	bool refuse; /* struct privilege */
	uint32_t nlisteners;
	struct plan_listener listeners[PLAN_LISTENERS_MAX];
	uint32_t nfiles;
	struct plan_file files[PLAN_FILES_MAX];
};
/* Without what other messages bring. */
void put_plan(struct put *w, const struct plan *p);
int get_plan(struct get *g, struct plan *p);

/*
 * Starts `program` (LIBEXEC/master-config) on `file`, gives each answer but CONFIG_SAYS to take()
 * until that returns -1, and waits for its end. Its lines go to text (size bytes, cut). 0, or -1
 * with a line in text if it did not end as it should or take() was not content. Blocks,
 * PLAN_SECONDS at most.
 */
int config_ask(const char *program, const char *file, bool suite,
    int (*take)(void *arg, struct ipc_msg *m), void *arg, char *text, size_t size);

#endif
