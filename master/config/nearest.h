/* The setting that someone may have meant. */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include "base/str.h"

/* The name most like this one (at most a third of it different), or NULL. section NULL = top level. */
const char *nearest_setting(const char *section, struct str name);

#endif
