/* From the checked configuration to what master acts on (proto/plan.h). */
#ifndef CONFIG_PLAN_H
#define CONFIG_PLAN_H

#include "proto/conf.h"
#include "proto/plan.h"

/* Fills in everything of the plan but the settings of the roles. */
void plan_make(const struct conf *c, struct plan *p);
/*
 * The settings that the processes of a role are given, appended to b; for ROLE_TOOL everything.
 * False if there are none for that role, or b is full.
 */
bool plan_settings(const struct conf *c, enum role role, struct buf *b);
/* Differs between two plans when anything that the role is given does. */
uint64_t plan_mark(const struct plan *p, enum role role, struct str settings);

#endif
