/*
 * Reading a configuration file by the throwaway program master/config: the caller never parses it,
 * and a fault in it (or in the parser) ends that program only. Used by master and by the tools.
 * Links libc only.
 *
 * The program's answer on its descriptor 3, to the end: {u32 CONF_LOAD_MAGIC, u8 good, str text} and,
 * if good, what conf_encode() wrote for ROLE_MASTER. Text is lines "FILE:LINE: sentence"; when good,
 * warnings, else what is wrong.
 */
#ifndef PROTO_CONFLOAD_H
#define PROTO_CONFLOAD_H

#include <sys/types.h>

#include "base/buf.h"
#include "proto/conf.h"

enum {
	CONF_LOAD_MAGIC = 0x314c4354, /* "TCL1" */
	CONF_LOAD_TEXT_MAX = 64 * 1024,
	CONF_LOAD_SECONDS = 10, /* after which the program ends itself */
};

struct conf_load {
	pid_t pid;
	int pidfd;
	int fd; /* to poll for reading */
	struct buf in;
};

/* Starts `program` (LIBEXEC/master-config) on `file`. 0, or -1 with errno. Nothing else is inherited. */
int conf_load_start(struct conf_load *l, const char *program, const char *file);
/* Takes what has arrived: 1 = complete, 0 = call again when fd is readable (or EAGAIN). */
int conf_load_read(struct conf_load *l);
/*
 * Ends it (also before it was complete): the configuration, yours to conf_free(), or NULL. Warnings
 * or faults are appended to text, one per line; never silent when NULL. Waits for the program, unless
 * the caller's own reaper has had it.
 */
struct conf *conf_load_end(struct conf_load *l, struct buf *text);

/* All three, blocking at most CONF_LOAD_SECONDS. */
struct conf *conf_load(const char *program, const char *file, struct buf *text);

#endif
