/* The plan of the suite, from master/config (proto/plan.h). */
#ifndef MASTER_CONFIGURATION_H
#define MASTER_CONFIGURATION_H

#include "suite.h"

/* Reads it anew: yours to plan_free(), or NULL with lines in why (size bytes). Warnings are logged.
 */
struct plan *configuration_read(const struct suite *s, char *why, size_t size);
void plan_free(struct plan *p);

#endif
