/* What all that is done with a message's file has in common. Included by file*.c only. */
#ifndef QUEUE_FILE_IMPL_H
#define QUEUE_FILE_IMPL_H

#include "file.h"

/*
 * Begins the one task of m. ended() is file_ended() itself, or cleans up and calls it; from there
 * done() hears of it.
 */
void file_start(struct message *m, int (*run)(struct task *t), enum pool_lane lane,
    void (*ended)(struct task *t, int error), file_done *done);
void file_ended(struct task *t, int error);
struct message *file_message(struct task *t);
/* In a task: 0 or an errno. A failed sync is never repeated: the task says so, and the queue stops accepting. */
int file_sync(struct task *t, int fd);
/* What is to be written of a target. */
struct slot file_slot(const struct target *t);

#endif
