/*
 * Addresses that did not take a connection lately. They are tried after all others, so that not
 * every message waits for them again; nothing depends on it, so it may forget.
 */
#ifndef REMOTE_DEAD_H
#define REMOTE_DEAD_H

#include <stdint.h>

#include "net/ip.h"

void dead_start(uint64_t ms); /* how long it is remembered */

void dead_note(const struct ip *ip, uint16_t port, uint64_t now);
void dead_forget(const struct ip *ip, uint16_t port);
/* Milliseconds that it is still taken for dead; 0 = it is not. */
uint64_t dead_for(const struct ip *ip, uint16_t port, uint64_t now);

#endif
