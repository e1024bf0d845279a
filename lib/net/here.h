/* Whether this host has an address. */
#ifndef NET_HERE_H
#define NET_HERE_H

#include "net/ip.h"

/* 0 when connections can be made from it, else an errno. Makes a socket: not for who is confined. */
int here_check(const struct ip *ip);

#endif
