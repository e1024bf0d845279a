/* The address that reports about TLS come from, of which three programs have to think the same. */
#ifndef PROTO_REPORTER_H
#define PROTO_REPORTER_H

#include "base/str.h"
#include "proto/conf.h"

enum { REPORTER_MAX = 320 };

/* `tls_report_sender`, or what stands for it when it is empty. */
void reporter_address(const struct conf *c, char out[REPORTER_MAX + 1]);
/* Whether who answers for that domain answers for the address: it is in it, or in one below. */
bool reporter_is_of(const char *address, struct str domain);

#endif
