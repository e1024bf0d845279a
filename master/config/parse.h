/*
 * From the scanned text to a configuration, by libconfuse. Each value is checked by its row in the
 * table of settings; settings that stand in several statements are refused.
 */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "faults.h"
#include "proto/conf.h"
#include "scan.h"

/* Yours to conf_free(), also when faults were added. */
struct conf *parse(const struct scan *s, struct faults *f);

#endif
