/*
 * What servers say that they can do and cannot: the queue keeps it (proto/quirk.h), this worker acts by
 * it, and finds some of it out. Only what has failed more than once, and goes without, is taken for broken:
 * each kind is tried without after two failures, and is a quirk when that helps. BDAT that a server says it
 * does not know is one at once. None of it touches a TLS policy that demands anything.
 */
#ifndef REMOTE_QUIRKS_H
#define REMOTE_QUIRKS_H

#include "base/chan.h"
#include "caps.h"
#include "net/ip.h"
#include "proto/quirk.h"

enum { QUIRKS_NONE = 0 };
#define QUIRK_BIT(kind) (1u << (kind))

/* Nothing is found out unless learning. */
void quirks_start(bool learning);
/* DELIVER_QUIRK of the queue. */
int quirks_on_told(struct chan *c, struct ipc_msg *m);
/* The queue has gone: whatever comes next tells all. */
void quirks_forget(void);

/* QUIRK_BIT()s of what is not to be used there: by the name of the host and its address. */
unsigned quirks_of(struct str host, const struct ip *ip);
/* Takes what they name out of what a server offers (not STARTTLS, which is the policy's). */
void quirks_mask(struct caps *c, unsigned quirks);

/* It is broken, for sure. False when nothing is learned, or no more: it will be used again. */
bool quirks_found(enum quirk_kind kind, const struct ip *ip, const char *reason);

/* It failed once more where it was used. */
void quirks_failed(enum quirk_kind kind, const struct ip *ip, uint16_t port);
/* It worked. */
void quirks_worked(enum quirk_kind kind, const struct ip *ip, uint16_t port);
/* So often that it is to be tried without. */
bool quirks_suspected(enum quirk_kind kind, const struct ip *ip, uint16_t port);

#endif
