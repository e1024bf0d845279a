/*
 * Where this installation has its things, for the command-line tools: installed, in a build tree, or
 * as the environment says.
 */
#ifndef PROTO_PLACE_H
#define PROTO_PLACE_H

#include <limits.h>

/*
 * The configuration file as an absolute path: `given` (-c; NULL = none), else THURN_CONF in the
 * environment, else the built-in one. -1 if it is too long.
 */
int place_conf(const char *given, char out[PATH_MAX]);

/*
 * The directory of the suite's programs: THURN_LIBEXEC in the environment (but not root's), else
 * ../libexec of where the running program is, if it is a build tree, else the built-in one.
 */
void place_libexec(char out[PATH_MAX]);

/* The program `name` of the same installation: beside the running program, or in the bin or sbin beside
 * its directory. -1 with errno. */
int place_sibling(const char *name, char out[PATH_MAX]);

#endif
