/* Lists of destinations in sections of the configuration. */
#ifndef PROTO_SCOPE_H
#define PROTO_SCOPE_H

#include "proto/conf.h"

/*
 * Whether a list of that section names it: as "example.org", as ".example.org" for what is below it,
 * or as "*".
 */
bool scope_lists(const struct conf_section *s, const char *list, struct str name);

#endif
