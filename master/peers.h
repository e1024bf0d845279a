/*
 * Who talks to whom: master makes the channels of the edges of table.c, and makes one anew when two
 * living processes have lost theirs, because one has sent the other what it does not take.
 */
#ifndef MASTER_PEERS_H
#define MASTER_PEERS_H

#include "suite.h"

/* Gives c, and everybody it talks to, the ends of new channels. */
void peers_connect(struct suite *s, struct child *c);
/* c has lost its channel to that one: they get a new one, after a pause that grows if it goes on.
 */
void peers_lost(struct suite *s, struct child *c, enum role role, unsigned instance);
/* c has ended: what it had lost is nobody's. */
void peers_forget(struct suite *s, const struct child *c);
/* Makes the channels that are due. ms until the next, -1 = none. */
int peers_step(struct suite *s);

#endif
