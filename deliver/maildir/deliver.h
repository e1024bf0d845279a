/*
 * One message into one mailbox: tmp/, sync, link into new/, sync of new/, and only then a 250.
 * Nothing is reported as delivered that a power cut could take away, and nothing that goes wrong
 * here is ever the sender's fault: all failures are temporary.
 */
#ifndef MAILDIR_DELIVER_H
#define MAILDIR_DELIVER_H

#include "proto/deliver.h"

/* What a thread needs for its work, made once. */
struct desk;

struct desk *desk_new(struct str host); /* host: goes into file names; borrowed */
void desk_free(struct desk *d);

/* Delivers the body in body_fd to recipient r of job j; the outcome is in st. */
void deliver(struct desk *d, const struct deliver_job *j, const struct deliver_rcpt *r, int body_fd,
    struct status *st);

#endif
