/* application/x-www-form-urlencoded, as OAuth wants it (RFC 6749 appendix B). */
#ifndef NET_FORM_H
#define NET_FORM_H

#include "base/buf.h"

/* Appends text so that nothing in it ends a value. */
void form_put(struct buf *b, struct str text);
/* Appends "name=text", behind a "&" where something stands there already. */
void form_field(struct buf *b, const char *name, struct str text);

#endif
