/*
 * Which domains got no answer in time a moment ago: whoever asks the same then, as deliver/remote does
 * behind the queue, hears so at once instead of waiting as long once more (RFC 9520 3.1). Nothing depends
 * on it, so it may forget.
 */
#ifndef RESOLVER_LATE_H
#define RESOLVER_LATE_H

#include "proto/resolve.h"

void late_note(const struct mail_question *q, uint64_t now);
bool late_lately(const struct mail_question *q, uint64_t now);

#endif
