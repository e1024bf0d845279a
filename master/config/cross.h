/* Faults that no single setting shows. Add a check to the table in cross.c. */
#ifndef CONFIG_CROSS_H
#define CONFIG_CROSS_H

#include "faults.h"
#include "proto/conf.h"

void cross_check(const struct conf *c, struct faults *f);

/* --- parts of it in files of their own --- */

void cross_destinations(const struct conf *c, struct faults *f);

#endif
