/*
 * Sections "destination" of the configuration: which one a destination belongs to. That is asked with each
 * recipient, so it costs the same however many there are.
 */
#ifndef QUEUE_SECTIONS_H
#define QUEUE_SECTIONS_H

#include "proto/conf.h"
#include "proto/resolve.h"

/* Those of that configuration, which is borrowed until the next call. */
void sections_load(const struct conf *c);
/* NULL behind the last one. */
const struct conf_section *sections_at(size_t i);
/*
 * The first one whose "domains" list that next hop or, when they are known, whose "hosts" list all of its
 * hosts; -1 when there is none.
 */
ssize_t sections_find(struct str nexthop, const struct mail_reply *hosts);

#endif
