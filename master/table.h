/*
 * The process table of the running suite: who runs, as whom, with what, and who talks to whom.
 * Privilege is granted here and nowhere else.
 */
#ifndef MASTER_TABLE_H
#define MASTER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sandbox.h"
#include "proto/plan.h"
#include "proto/role.h"

enum reload {
	RELOAD_IN_PLACE, /* the process takes the new configuration itself */
	RELOAD_SWAP, /* new ones are started, then the old ones finish what they have */
	RELOAD_TRY, /* like SWAP, and when the new one cannot start the whole reload is refused */
};

struct process {
	enum role role;
	const char *program; /* below the libexec directory */
	uint8_t phase; /* starts when all of the phases before are ready; stops in reverse */
	uint8_t reload; /* enum reload */
	bool root_kept; /* stays root when the suite runs as root: spawn alone */
	bool sees_root; /* no empty root: its libraries open files by their paths */
	bool refuses; /* calls that it may not make fail: it runs code of others, which tries */
	uint32_t calls; /* CALLS_* */
	uint64_t caps; /* capabilities kept after confinement */
	uint32_t nofile;
	bool bodies; /* writes messages into files that it is handed: no more than one may have */
	struct {
		uint8_t dir; /* enum dir + 1; 0 ends the list */
		uint32_t rights; /* DIR_READ, DIR_WRITE */
	} dirs[2];
	const char *socket; /* control socket that it serves, or NULL */
};

extern const struct process processes[];
extern const size_t nprocesses;
/* The row of imapd/session, which spawn starts. */
extern const struct process session_process;

/* Who asks whom. */
struct edge {
	enum role role;
	uint32_t peers; /* ROLE_BIT()s */
};
extern const struct edge edges[]; /* ends with ROLE_NONE; besides, everyone talks to log */

struct directory {
	const char *name; /* what the program asks proc_fd() for */
	enum role owner; /* ROLE_NONE = stays root's */
	unsigned mode; /* 0 = not ours: it is opened, and neither made nor looked at */
	const char *marker; /* file made together with the directory, or NULL */
	/* What it is in is made as well. Not for what is missed when it is empty: the parent may be a
	 * file system that is not mounted. */
	bool parent;
};
extern const struct directory directories[DIRS];

#endif
