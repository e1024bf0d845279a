/* What the steps of the probe are aimed at; made by probe.c. */
#ifndef PROBE_TARGETS_H
#define PROBE_TARGETS_H

#include <stdint.h>
#include <sys/types.h>

enum { FILE_LIMIT = 1 << 20, BLOCK = 64 * 1024 };
enum { FIRST_UID = 64300, SIBLINGS_SPARE = 50, FSUID_LO = 1879048192, FSUID_HI = 2147483646 };

/* The targets: another mailbox, sockets that listen, and a process of the same uid. */
static char victim_dir[512], victim_file[600], victim_sock[600];
static pid_t sibling;
static uint16_t tcp_port;
static char abstract_name[64];
static uint32_t role_calls; /* CALLS_* */
static int own_dir = -1; /* of a role that has one */
static int handed; /* a file that it got for appending */
static int memory; /* a memory file for a body */

#endif
