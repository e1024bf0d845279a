/* Asking the resolver for the TXT records of what stands below a domain, as "_mta-sts". */
#ifndef PROTO_TXT_H
#define PROTO_TXT_H

#include "base/chan.h"
#include "proto/resolve.h"

/* Asks the resolver for those of LABEL.DOMAIN. False: such a name is too long, and done() is not called. */
bool txt_ask(struct ask *a, const char *label, const char *domain,
    void (*done)(struct ask *a, struct ipc_msg *m), void *arg);

/* For done(): the answer, whose strings are a's, or a temporary failure when there is none; *why in words. */
struct dns_answer txt_answer(struct ipc_msg *m, struct arena *a, struct str *why);

#endif
