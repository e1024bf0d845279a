/*
 * The kinds of requests that may be made, and by whom. Nobody names a URL that is not looked at
 * here, so that a process that was taken over cannot make a general client of this one.
 */
#ifndef FETCH_KIND_H
#define FETCH_KIND_H

#include "settings.h"

struct kind {
	const char *name;
	uint32_t roles; /* ROLE_BIT()s of those who may ask */
	unsigned jobs; /* at once */
	bool post; /* with a body of content_type; else GET */
	bool authorization; /* may have that field */
	const char *content_type;
	size_t answer_max; /* bytes */
	int (*place)(
	    const struct settings *s, struct str target, struct place *p); /* -1 = nowhere */
};

const struct kind *kind_of(uint8_t kind); /* enum fetch_kind */

/* May it be asked, by that role? NULL, or why not; then p is where. */
const char *kind_refuse(const struct kind *k, const struct settings *s, uint8_t role,
    const struct fetch_question *q, struct place *p);

#endif
