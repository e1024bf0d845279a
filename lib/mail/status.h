/*
 * The outcome of something at mail level, in the words of SMTP: reply code (RFC 5321), enhanced
 * code (RFC 3463), and a sentence that says what to do. Filled by the one who can word it.
 */
#ifndef MAIL_STATUS_H
#define MAIL_STATUS_H

#include <stdbool.h>

#include "base/ipc.h"
#include "base/str.h"

enum { STATUS_TEXT_MAX = 480, STATUS_ENHANCED_MAX = 12 };

struct status {
	int code; /* 0 = not set; 2xx, 4xx, 5xx */
	char enhanced[STATUS_ENHANCED_MAX]; /* "5.1.1", may be empty */
	char text[STATUS_TEXT_MAX]; /* printable, one line; longer text is cut */
};

/* Sets all three and returns -1, so that a failing function can return it; fmt as printf. */
int status_set(struct status *st, int code, const char *enhanced, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static inline bool status_good(const struct status *st)
{
	return st->code >= 200 && st->code < 300;
}
static inline bool status_temporary(const struct status *st)
{
	return st->code >= 400 && st->code < 500;
}

/* On the wire between processes. get: code must be 0 or 200..599, text printable. */
void put_status(struct put *w, const struct status *st);
void get_status(struct get *g, struct status *st);

#endif
