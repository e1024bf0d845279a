/*
 * The allow-list of system calls of a process, by libseccomp.
 */
#ifndef BASE_SECCOMP_H
#define BASE_SECCOMP_H

#include "base/sandbox.h"

/* Loads the filter for p->calls into all threads. -1 with errno. Needs no_new_privs. */
int seccomp_confine(const struct privilege *p);

#endif
