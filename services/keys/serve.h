/*
 * What peers get: the certificates that their listeners name, what seals their session tickets, the
 * keys of DKIM that are for them, and signatures. A peer is exposed to the network: whatever it asks, the process lives.
 */
#ifndef KEYS_SERVE_H
#define KEYS_SERVE_H

#include "base/buf.h"
#include "base/chan.h"

extern const struct chan_row serve_rows[]; /* of those who speak TLS */
extern const struct chan_row serve_dkim_rows[]; /* of those who sign mail */
void serve_up(struct chan *c);
void serve_down(struct chan *c);

/* How many signatures a second each may have. */
void serve_set_rate(unsigned per_second);
/* Sends everybody what there is now: at first when the files have been looked at. */
void serve_publish(void);
void serve_publish_tickets(void);
void serve_status(struct buf *out);

#endif
