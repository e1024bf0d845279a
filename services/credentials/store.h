/* The file in use. Another one takes its place when it is good, and else not. */
#ifndef CREDENTIALS_STORE_H
#define CREDENTIALS_STORE_H

#include "file.h"

/* The setting, also a new one; what another file said is in use until the new one has been taken. */
void store_configure(struct str path);
/* What master has opened for us: takes *fd (-1 = error says why there is none). */
void store_file(struct str path, int *fd, int error);
/* All of it is there. */
void store_take(void);

bool store_used(void); /* there is a file, or there should be one */
const struct file *store_now(void); /* empty while none could be read */
/* "PATH:LINE" */
void store_rule(const struct entry *e, char rule[CREDENTIAL_RULE_MAX]);

#endif
