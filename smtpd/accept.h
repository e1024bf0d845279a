/* Taking connections from the listening sockets, as many as there is room for. */
#ifndef SMTPD_ACCEPT_H
#define SMTPD_ACCEPT_H

#include <stdbool.h>

/* Before confinement: options of the sockets, the limit of descriptors. */
void accept_open(void);
/* Does what a client hears depend on what services/keys has? */
bool accept_needs_keys(void);
void accept_start(void);
void accept_stop(void);

#endif
