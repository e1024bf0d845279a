/* The parameters of MAIL and RCPT: RFC 1870, 3461, 4865, 4954, 6152, 6531, 8689. */
#ifndef SMTPD_PARAMS_H
#define SMTPD_PARAMS_H

#include "mail/status.h"
#include "transaction.h"

/* What is offered to some only; the parameters of others are unknown. */
enum { PARAMS_RELEASE = 1, PARAMS_REQUIRETLS = 2, PARAMS_AUTH = 4 };

/*
 * Both read "KEY=value KEY ..." into t (MAIL: its envelope and size; RCPT: t->asked). 0, or -1 with
 * the refusal in st. offered: bits of the above.
 */
int params_mail(struct transaction *t, struct str text, unsigned offered, struct status *st);
int params_rcpt(struct transaction *t, struct str text, struct status *st);

#endif
