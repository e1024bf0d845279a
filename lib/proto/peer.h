/*
 * The channels of a program to its peers: for proc.c, which hears of them from master. What
 * programs see of it stands in proc.h.
 */
#ifndef PROTO_PEER_H
#define PROTO_PEER_H

#include "proto/proc.h"

/* specs: what is done with each role; changed() is called when a channel has gone. */
void peers_init(const struct peer_spec *specs, int control, void (*changed)(void));
/* Takes fd. Nothing of a peer is read before peers_start(), which is called once the program
 * serves. */
void peers_add(enum role role, unsigned instance, int fd);
void peers_start(void);
/* Is anybody left who asks this process? */
bool peers_asking(void);

#endif
