/*
 * The control socket "control": thurn status, stop, reload. Only for the owner of the suite.
 */
#ifndef MASTER_CONTROL_H
#define MASTER_CONTROL_H

#include "suite.h"

enum { CLIENTS_MAX = 16 };

struct client {
	int fd; /* -1 = free */
	bool wants_reload; /* to be told how it ended */
	uint32_t id, gen;
};
extern struct client clients[CLIENTS_MAX];

void control_init(void);
void control_accept(struct suite *s);
void control_read(struct suite *s, struct client *c);
/* Tells whoever asked for the reload how it ended: 0 = done. */
void control_reloaded(int status, const char *text);

#endif
