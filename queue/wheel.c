/* A hierarchical timer wheel. See wheel.h. */
#include "wheel.h"

/*
 * Level k has slots of 256^k seconds. A timer waits on the level of the highest byte in which its
 * due second differs from now, and falls to a lower level each time that byte is reached.
 */

void wheel_init(struct wheel *w, uint32_t now)
{
	w->now = now;
	w->count = 0;
	for (unsigned i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++)
		TAILQ_INIT(&w->slots[i]);
}

static void insert(struct wheel *w, struct wheel_node *n)
{
	uint32_t due = n->due > w->now ? n->due : w->now + 1;
	unsigned level = WHEEL_LEVELS - 1, slot;

	while (level > 0 && (due ^ w->now) >> (8 * level) == 0)
		level--;
	slot = level * WHEEL_SLOTS + (due >> (8 * level) & (WHEEL_SLOTS - 1));
	TAILQ_INSERT_TAIL(&w->slots[slot], n, next);
	n->slot = slot + 1;
	w->count++;
}

void wheel_clear(struct wheel *w, struct wheel_node *n)
{
	if (n->slot == 0)
		return;
	TAILQ_REMOVE(&w->slots[n->slot - 1], n, next);
	n->slot = 0;
	w->count--;
}

void wheel_set(struct wheel *w, struct wheel_node *n, uint32_t due)
{
	wheel_clear(w, n);
	n->due = due;
	insert(w, n);
}

/* Empties a slot of a higher level into the levels below it. */
static void cascade(struct wheel *w, unsigned level)
{
	struct wheel_list *list =
	    &w->slots[level * WHEEL_SLOTS + (w->now >> (8 * level) & (WHEEL_SLOTS - 1))];
	struct wheel_list moved = TAILQ_HEAD_INITIALIZER(moved);
	struct wheel_node *n;

	TAILQ_CONCAT(&moved, list, next);
	while ((n = TAILQ_FIRST(&moved)) != NULL) {
		TAILQ_REMOVE(&moved, n, next);
		w->count--;
		/* what is due this very second belongs to the slot that is about to be emptied */
		if (n->due <= w->now) {
			unsigned slot = w->now & (WHEEL_SLOTS - 1);

			TAILQ_INSERT_TAIL(&w->slots[slot], n, next);
			n->slot = slot + 1;
			w->count++;
		} else {
			insert(w, n);
		}
	}
}

static void tick(struct wheel *w, void (*fn)(struct wheel_node *n, void *arg), void *arg)
{
	struct wheel_list *list;
	struct wheel_node *n;

	w->now++;
	for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
		if ((w->now & ((1u << (8 * level)) - 1)) != 0)
			break;
		cascade(w, level);
	}
	list = &w->slots[w->now & (WHEEL_SLOTS - 1)];
	while ((n = TAILQ_FIRST(list)) != NULL) {
		wheel_clear(w, n);
		fn(n, arg);
	}
}

void wheel_advance(
    struct wheel *w, uint32_t now, void (*fn)(struct wheel_node *n, void *arg), void *arg)
{
	while (w->now < now) {
		if (w->count == 0)
			w->now = now;
		else
			tick(w, fn, arg);
	}
}
