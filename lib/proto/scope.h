/* Lists of destinations in sections of the configuration. */
#ifndef PROTO_SCOPE_H
#define PROTO_SCOPE_H

#include "proto/conf.h"

/* Whether an item of a list names it: as "example.org", as ".example.org" for what is below it, or as "*". */
bool scope_fits(struct str pattern, struct str name);
/* Whether a list of that section does. */
bool scope_lists(const struct conf_section *s, const char *list, struct str name);

#endif
