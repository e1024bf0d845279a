/*
 * Whether the spool can take more: free space and inodes above a floor, minus what has been
 * promised, and no failed sync. Mail is refused before it is accepted; what is in the queue goes on
 * draining.
 */
#ifndef QUEUE_SPACE_H
#define QUEUE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/status.h"

/* Bytes that a new message may have now, 0 = none. Cheap: the disk is asked twice a second at most.
 */
uint64_t space_room(void);
/* Promises bytes to a message that is coming in, until they are given back. */
void space_reserve(uint64_t bytes);
void space_release(uint64_t bytes);
/* 0, or -1 with what to tell the client: no space, or the volume has failed. */
int space_check(uint64_t bytes, struct status *st);
/*
 * The same for a body that is written by somebody else, at whatever pace: of what is free half is for
 * these at most, so that they keep no other mail out.
 */
int space_check_open(uint64_t bytes, struct status *st);

/*
 * A sync has failed: what the disk holds of that file is unknown, and syncing again would say
 * nothing about it. Nothing is accepted, delivered or read any more until space_recovered(), which
 * comes when a fresh file has been written, synced and read back from the disk.
 */
void space_recovered(void);
void space_failed(const char *what, int error);
bool space_has_failed(void);
/* What to tell a client when writing its message failed with that errno. */
void space_status(struct status *st, int error);

#endif
