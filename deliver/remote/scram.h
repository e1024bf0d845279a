/* SCRAM (RFC 5802, RFC 7677) with and without channel binding (RFC 9266), by libgsasl. */
#ifndef REMOTE_SCRAM_H
#define REMOTE_SCRAM_H

#include "sasl.h"

int scram_open(void);
struct scram *scram_new(const struct sasl_login *l);
void scram_free(struct scram *s);
/* 1: the server has proved that it knows the password; 0: go on; -1 with a sentence. */
int scram_step(struct scram *s, struct str challenge, struct buf *out, const char **why);

#endif
