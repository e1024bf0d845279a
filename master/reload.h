/*
 * Reload, all or nothing: the new configuration is parsed and checked by the throwaway program, its
 * sockets are opened, and a second lookup service proves that its tables load. Only then does
 * anybody else hear of it; with any fault the old configuration goes on.
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include "suite.h"

void reload_begin(struct suite *s);
/* Goes on with a reload whose candidates have become ready or have died. */
void reload_step(struct suite *s);

#endif
