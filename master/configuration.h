/*
 * The configuration of the suite, read and checked by the throwaway program master/config.
 */
#ifndef MASTER_CONFIGURATION_H
#define MASTER_CONFIGURATION_H

#include "suite.h"

/* What s->conf_path says now, yours; NULL with "file:line: what" lines in why (size bytes). */
struct conf *configuration_read(const struct suite *s, char *why, size_t size);

#endif
