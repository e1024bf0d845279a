/* The arguments of XCLIENT (Postfix, XCLIENT_README). */
#ifndef SMTPD_XCLIENT_H
#define SMTPD_XCLIENT_H

#include "base/str.h"
#include "limits.h"
#include "net/ip.h"

/* What was given; the rest is 0 or empty. */
struct xclient {
	struct ip ip;
	char helo[LIMIT_HELO + 1], login[LIMIT_LOGIN + 1]; /* empty = not given, or unavailable */
};

/* 0, or -1 with the reason in *why. */
int xclient_parse(struct str args, struct xclient *x, const char **why);

#endif
