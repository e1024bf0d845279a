/* The control socket: what `thurn queue`, mailq and the like ask (proto/control.h). */
#ifndef QUEUE_CONTROL_H
#define QUEUE_CONTROL_H

#include <stdbool.h>

/* Before confinement: remembers who the owner is. */
void control_init(void);
/* Serves a tool at the other end of *fd (taken, -1 left), which is the owner or not. */
void control_attach(int *fd, bool owner);
/* Begins to take connections. */
void control_start(void);

#endif
