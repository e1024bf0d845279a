/*
 * What is done with the file of a message, each by one task in a helper thread. One at a time per
 * message; done() is called on the loop with an errno or 0.
 */
#ifndef QUEUE_FILE_H
#define QUEUE_FILE_H

#include "message.h"

typedef void file_done(struct message *m, int error);

/*
 * Writes, seals and syncs the message with the states that its targets have now. The body is in
 * m->memfd, m->text, or (a large one) already in the file m->fd. A whole file that exists already
 * is EEXIST; an unfinished one makes room. On any error the file is removed again.
 */
void file_seal(struct message *m, file_done *done);

/*
 * Whether the file of that name, which a loader may be about to remove, is whole: EEXIST
 * (durable, too), or another errno.
 */
void file_look(struct message *m, file_done *done);

/* Writes and syncs m->expansion as the next part; m->parts counts it then. -1: it is too large. */
int file_expand(struct message *m, file_done *done);

/*
 * Writes the slots of all dirty targets; syncs when one of them is hard, or sync is set. next != 0
 * also becomes the time of the next try.
 */
void file_update(struct message *m, int64_t next, bool sync, file_done *done);

/* Removes all its files. The directory is synced a little later. */
void file_remove(struct message *m, file_done *done);

/* Writes all that is known of its recipients, syncs, and moves it into the trash. */
void file_trash(struct message *m, file_done *done);

/* Moves all its files to corrupt/. */
void file_quarantine(struct message *m, file_done *done);

/*
 * Opens, verifies and reads the message and its expansions: layout, content, targets. error
 * EBADMSG: damaged (m->load_why says how); ENODATA: an unfinished reception; else the disk's.
 */
void file_load(struct message *m, file_done *done);

#endif
