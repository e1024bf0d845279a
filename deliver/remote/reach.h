/*
 * From a next hop to a connection: its hosts and their addresses, what the TLS policy says of each host
 * before it is connected to, and the addresses in turn. Ends with session_connected() or session_fail().
 */
#ifndef REMOTE_REACH_H
#define REMOTE_REACH_H

#include "session.h"

/* Finds the hosts, and goes to the first. */
void reach_begin(struct session *s);
/* Goes to the next address, of which there is one. What was found out of its host is asked for once. */
void reach_next(struct session *s);
/* The same address once more, without TLS. */
void reach_again(struct session *s);
/*
 * This host cannot take the job, for want of something that another may have: goes on to the next
 * one. False when there is none.
 */
bool reach_elsewhere(struct session *s, const struct status *why);
/* Looks for nothing any more, and gives back what was found. */
void reach_clear(struct session *s);

#endif
