/*
 * What went wrong with an address lately, so that not every message tries it again. Nothing depends
 * on it, so it may forget.
 */
#ifndef REMOTE_LATELY_H
#define REMOTE_LATELY_H

#include <stdint.h>

#include "net/ip.h"

enum lately {
	LATELY_DEAD, /* it did not take a connection, or did not greet: tried after all others */
	LATELY_NO_TLS, /* TLS failed: spoken to in plain text where that may be */
	LATELY_KINDS
};

void lately_start(enum lately what, uint64_t ms); /* how long it is remembered */

void lately_note(enum lately what, const struct ip *ip, uint16_t port, uint64_t now);
void lately_forget(enum lately what, const struct ip *ip, uint16_t port);
/* Milliseconds that it still counts; 0 = it does not. */
uint64_t lately_for(enum lately what, const struct ip *ip, uint16_t port, uint64_t now);

#endif
