/* The parameters of MAIL and RCPT: RFC 1870, 3461, 4865, 6152, 6531. */
#ifndef SMTPD_PARAMS_H
#define SMTPD_PARAMS_H

#include "mail/status.h"
#include "transaction.h"

/*
 * Both read "KEY=value KEY ..." into t (MAIL: its envelope and size; RCPT: t->asked). 0, or -1 with
 * the refusal in st. submission: what only users may ask for is known.
 */
int params_mail(struct transaction *t, struct str text, bool submission, struct status *st);
int params_rcpt(struct transaction *t, struct str text, struct status *st);

#endif
