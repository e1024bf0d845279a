/*
 * Events as they arrive (base/log.h), stamped with who sent them.
 */
#ifndef LOG_EVENT_H
#define LOG_EVENT_H

#include "base/ipc.h"
#include "base/log.h"

/* Who said it: from the descriptor, never from the packet. */
struct origin {
	const char *program;
	unsigned instance;
	int32_t pid; /* 0 = not known */
	int64_t uid; /* -1 = not known */
};

struct entry {
	uint8_t level; /* enum log_level */
	int64_t time; /* microseconds since 1970 */
	struct tag tag;
	struct str name;
	uint8_t nfields;
	struct kv fields[LOG_FIELDS_MAX];
	char keys[LOG_FIELDS_MAX][LOG_KEY_MAX + 1]; /* what fields[].key point to */
};

/* At the start of a packet: how many events the sender had to drop before. */
uint32_t get_dropped(struct get *g);
/*
 * The next event; values borrow from the packet. 1 = an event, 0 = the end, -1 = malformed: names and
 * keys are words of letters, digits and hyphens or underscores, nothing else.
 */
int get_event(struct get *g, struct entry *e);

/* The field's text, or empty; the number of an integer field, or `none`. */
struct str event_str(const struct entry *e, const char *key);
int64_t event_int(const struct entry *e, const char *key, int64_t none);

#endif
