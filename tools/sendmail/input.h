/* The message from standard input, whole, before anything of it is sent. */
#ifndef SENDMAIL_INPUT_H
#define SENDMAIL_INPUT_H

#include "request.h"

/*
 * Reads it to the end, or to a line with a single dot unless r->dots. A first line "From " (mbox) is
 * left out. *text is valid until the program ends. An exit status.
 */
int input_read(const struct request *r, int fd, struct str *text);

#endif
