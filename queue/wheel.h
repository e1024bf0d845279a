/*
 * A timer wheel: very many timers of one second's precision at a few bytes and constant cost each.
 * Pure: time comes as an argument.
 */
#ifndef QUEUE_WHEEL_H
#define QUEUE_WHEEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum { WHEEL_SLOTS = 256, WHEEL_LEVELS = 4 };

/* Embedded in its owner, zero-initialised before first use. */
struct wheel_node {
	TAILQ_ENTRY(wheel_node) next;
	uint32_t due; /* second */
	uint32_t slot; /* 1 + where it is; 0 = not in the wheel */
};
TAILQ_HEAD(wheel_list, wheel_node);

struct wheel {
	uint32_t now;
	uint64_t count;
	struct wheel_list slots[WHEEL_LEVELS * WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, uint32_t now);
/* Sets it for second `due` (one in the past: the next advance); moves it when it was set. */
void wheel_set(struct wheel *w, struct wheel_node *n, uint32_t due);
/* Safe when it is not set. */
void wheel_clear(struct wheel *w, struct wheel_node *n);
/*
 * Moves time on to `now` and takes what is due out, calling fn for each; fn may set it again (not
 * before now + 1) and change others.
 */
void wheel_advance(
    struct wheel *w, uint32_t now, void (*fn)(struct wheel_node *n, void *arg), void *arg);

#endif
