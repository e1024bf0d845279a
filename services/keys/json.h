/* Text of a file or of an error as a JSON string, for the control socket. */
#ifndef KEYS_JSON_H
#define KEYS_JSON_H

#include "base/buf.h"

void json_text(struct buf *b, const char *text);

#endif
