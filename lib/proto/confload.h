/*
 * The whole configuration for a tool: read by the throwaway program master/config (plan.h), so that
 * the caller never parses the file.
 */
#ifndef PROTO_CONFLOAD_H
#define PROTO_CONFLOAD_H

#include "base/buf.h"
#include "proto/conf.h"

/*
 * Reads `file` by `program` (LIBEXEC/master-config): yours to conf_free(), or NULL. Warnings or
 * faults are appended to text, one per line "FILE:LINE: sentence"; never silent when NULL.
 */
struct conf *conf_load(const char *program, const char *file, struct buf *text);

/* The configuration in a memory file of master/config: yours, or NULL if it is malformed. */
struct conf *conf_read(int fd);
enum { CONF_BYTES_MAX = 16 * 1024 * 1024, CONF_LINES_MAX = 64 * 1024 };

#endif
