/*
 * Connections to Unix sockets. This program sees no files, so master makes them, to the sockets of the setting
 * remote_sockets alone, and passes the descriptors.
 */
#ifndef REMOTE_UNIXDIAL_H
#define REMOTE_UNIXDIAL_H

#include <stdint.h>

#include "base/str.h"

struct unixdial;

/* done() is called once, from the loop: takes *fd, or error is an errno. The dial is gone then. */
struct unixdial *unixdial_start(
    struct str path, void (*done)(void *arg, int *fd, int error), void *arg);
/* Gives up; done() will not be called. NULL is fine. */
void unixdial_cancel(struct unixdial *d);

/* What master answers: see struct program. */
void unixdial_connected(uint32_t token, int *fd, int error);

#endif
