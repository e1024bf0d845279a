/* What is offered, and to whom: the mechanisms of the settings. */
#ifndef SASL_OFFER_H
#define SASL_OFFER_H

#include "proto/conf.h"
#include "proto/sasl.h"

void offer_load(const struct conf *c);
const struct sasl_names *offer_names(void);
/* Is there one that binds to the TLS channel? */
bool offer_binds(void);
/* What a connection lacks for that mechanism (SASL_NEEDS_*); -1 = it is not offered at all. */
int offer_lacks(const struct sasl_start *s);

#endif
