/*
 * Landlock with constants of our own: Debian's header is older than the kernels it runs on.
 */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

#include "base/sandbox.h"

/*
 * Denies all file access but to these directories, all TCP bind and connect but connect to these
 * ports and, with source, bind to an address without a port, and signals and abstract sockets to processes outside. Layers in force (0 where the kernel
 * has no Landlock), or -1 with errno. Needs no_new_privs.
 */
int landlock_confine(
    const struct dir_rule *dirs, size_t ndirs, const uint16_t *ports, size_t nports, bool source);

#endif
