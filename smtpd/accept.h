/* Taking connections from the listening sockets, as many as there is room for. */
#ifndef SMTPD_ACCEPT_H
#define SMTPD_ACCEPT_H

/* Before confinement: options of the sockets, the limit of descriptors. */
void accept_open(void);
void accept_start(void);
void accept_stop(void);

#endif
