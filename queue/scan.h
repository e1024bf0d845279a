/*
 * What is in the spool when the process starts. Names and times of the files are looked at, some hash
 * directories at once; what is known of them comes from the checkpoint, and where that lacks
 * something, from the files, one after the other in the background. New mail waits for none of it.
 */
#ifndef QUEUE_SCAN_H
#define QUEUE_SCAN_H

#include <stdbool.h>

void scan_start(void);
/* Whether all of the spool has been looked at. */
bool scan_complete(void);
/* Reads no more. */
void scan_stop(void);

#endif
