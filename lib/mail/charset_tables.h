/* Data of mime_decode.c. */
#ifndef MAIL_CHARSET_TABLES_H
#define MAIL_CHARSET_TABLES_H

#include <stdint.h>

enum { CHARSETS = 13 };

struct charset {
	const char *name;
	uint16_t high[128];
};

extern const struct charset charsets[CHARSETS];

#endif
