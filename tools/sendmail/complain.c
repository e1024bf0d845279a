/* What goes wrong is said on standard error. See request.h. */
#include <stdarg.h>
#include <stdio.h>

#include "request.h"

int complain(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "sendmail: ");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return status;
}
