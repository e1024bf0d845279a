/*
 * The running suite as master sees it: one struct that the parts of master share.
 */
#ifndef MASTER_SUITE_H
#define MASTER_SUITE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "proto/plan.h"
#include "table.h"

enum child_state {
	CHILD_WAITING, /* for its time to be started (again) */
	CHILD_BOOTING, /* told what it needs; not ready yet */
	CHILD_READY,
	CHILD_RETIRED, /* replaced: takes nothing new, finishes what it has */
	CHILD_DRAINING, /* told to end */
};

struct child {
	TAILQ_ENTRY(child) next;
	const struct process *row;
	unsigned instance; /* never used twice for a role */
	unsigned generation; /* of the configuration it was started with */
	enum child_state state;
	int pid, control;
	bool gone; /* BOOT_GO has been sent */
	bool candidate; /* of a reload: its peers hear of it when it is ready */
	uint32_t layers;
	unsigned restarts, failures; /* in all; in a row */
	uint64_t since; /* ms: when it was started, or when it may be again */
};
TAILQ_HEAD(children, child);

struct listening {
	TAILQ_ENTRY(listening) next;
	struct plan_listener plan;
	int fd;
	bool wanted; /* named by the configuration */
	bool fresh; /* opened for it just now */
};
TAILQ_HEAD(listenings, listening);

struct suite {
	const char *conf_path, *libexec;
	bool root; /* started by root: separate uids */
	struct plan *plan;
	struct plan *old_plan; /* while the candidates of a reload are tried: what to go back to */
	unsigned generation; /* of the plan; 1 at the start */
	struct children children;
	struct listenings listenings;
	int dir_fds[DIRS];
	int socket_fds[ROLE_MAX]; /* by row of the process table; -1 */
	int root_fd; /* an empty directory, root of those who need no files; -1 if not root */
	int control_fd; /* the control socket */
	unsigned next_instance[ROLE_MAX];
	unsigned replaced; /* channels that were lost and made anew */
	bool ready; /* all have been ready once */
	bool stopping;
	int ready_fd; /* whom to tell; -1 */
	char failure[1024]; /* why the start or the reload failed */
};

uint64_t now_ms(void);

#endif
