/* The control socket: what `thurn queue`, mailq and the like ask (proto/control.h). */
#ifndef QUEUE_CONTROL_H
#define QUEUE_CONTROL_H

/* Before confinement: remembers who the owner is. */
void control_init(void);
/* Begins to take connections. */
void control_start(void);

#endif
