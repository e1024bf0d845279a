/* The command line of sendmail, as Postfix, Sendmail and qmail have taught it to scripts. */
#ifndef SENDMAIL_OPTIONS_H
#define SENDMAIL_OPTIONS_H

#include "request.h"

/* Fills r; recipients in argv go to r->to. An exit status, with a complaint. */
int options_read(struct request *r, int argc, char **argv);

#endif
