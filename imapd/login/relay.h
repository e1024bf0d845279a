/*
 * Between a client under TLS and its session: the state of TLS cannot be handed on, so it stays
 * here, and the session gets one end of a socket pair. What one side says goes to the other, a
 * bounded amount at a time; when one side has ended, the other hears what is left, and ends.
 */
#ifndef LOGIN_RELAY_H
#define LOGIN_RELAY_H

#include <stdbool.h>

#include "net/conn.h"

struct relay {
	struct conn *outer; /* the client's */
	struct conn inner;
	bool outer_ended, inner_ended;
	void (*over)(void *arg); /* both have; may free what r is embedded in */
	void *arg;
};

/*
 * Takes *inner (the end of the pair) and the events of outer, on whose input nobody waits any more.
 * over() is called from the loop.
 */
void relay_begin(struct relay *r, struct conn *outer, int *inner, void (*over)(void *), void *arg);
/* Both sides end; the session is told by the end of its input. */
void relay_end(struct relay *r);
void relay_close(struct relay *r); /* at once; over() is not called */

#endif
