/*
 * The spool directory: 256 hash directories with one file per message, `<id>`, the expansions of
 * it, `<id>.<n>`, and corrupt/ for what cannot be understood. Files are made under their final name
 * with O_EXCL; an id is never used again and a file never recycled.
 *
 * All of it may be called from helper threads; only spool_open() may not.
 */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	SPOOL_DIRS = 256,
	SPOOL_CORRUPT = SPOOL_DIRS, /* the number of corrupt/ where directories are synced */
	SPOOL_DIRS_ALL,
	SPOOL_NAME = 40, /* room for "<id>.<n>", "<id>~<seconds>" and a NUL */
	SPOOL_PARTS = 64 /* the message itself and its expansions */
};

/*
 * Takes the spool over: looks for the marker (without it this is not the spool, perhaps an empty
 * mount point) and opens the directories. why (256 bytes) gets a sentence.
 */
int spool_open(int dir, char why[256]);

/* Which hash directory, and the name in it; part 0 is the message itself. */
unsigned spool_dir_of(uint64_t id);
void spool_name(uint64_t id, unsigned part, char out[SPOOL_NAME]);
/* The reverse: -1 if it is not such a name. trashed: since when it is in the trash, or 0. */
int spool_parse_name(struct str name, uint64_t *id, unsigned *part, int64_t *trashed);

/* Has anything ever been in that hash directory? */
bool spool_has_dir(unsigned dir);

/* Descriptor, or -1 with errno. new: O_RDWR | O_CREAT | O_EXCL, EEXIST if there is one;
 * makes the hash directory if it is the first file in it (spool_sync_dir() knows). */
int spool_new_file(uint64_t id, unsigned part);
int spool_open_file(uint64_t id, unsigned part, int flags);
/* The same of a message (part 0) in the trash, where it has the name `<id>~<seconds since 1970>`. */
int spool_open_trash(uint64_t id, int64_t when, int flags);
/* There, back, and away with it and its expansions. Not synced. -1 with errno. */
int spool_trash(uint64_t id, int64_t when);
int spool_untrash(uint64_t id, int64_t when);
int spool_remove_trash(uint64_t id, int64_t when);
/* 0, or -1 with errno; a file that is gone already is no error. Not synced. */
int spool_remove(uint64_t id, unsigned part);
/* The message and all its expansions, in the order that leaves nothing to be delivered twice. */
int spool_remove_all(uint64_t id, unsigned parts);
/* Moves it into corrupt/. -1 with errno. Neither directory is synced. */
int spool_quarantine(uint64_t id, unsigned part);

/* When the queue last ran, as spool_ran() left it (ms since 1970). -1 with errno. */
int spool_last_ran(int64_t *ms);
int spool_ran(int64_t ms);

/* fsync of a hash directory or corrupt/, for the pool alone. Not to be repeated when it failed. */
int spool_sync_dir(unsigned dir);
/*
 * A hash directory whose making could not be synced is lost: what is in it may be gone after a power cut, so nothing
 * in it is accepted until the next start.
 */
bool spool_is_lost(unsigned dir);
unsigned spool_lost(void);

/* The next try of a message is the mtime of its file. HOLD is a time that never comes. */
#define SPOOL_HOLD INT64_C(4102444800) /* 2100-01-01 */
enum { SPOOL_SCHEDULED = 1 }; /* nanoseconds of such a time; of others 0 */
/* scheduled: that time was asked for by the sender (FUTURERELEASE), which spool_stat() tells. */
int spool_set_next(int fd, int64_t seconds, bool scheduled);

/* When a file was last changed in any way (its ctime), as a number that only tells whether; 0 if it
 * cannot be said. */
uint64_t spool_stamp(int fd);

/* Calls fn for each name in a hash directory until it returns false. -1 with errno. */
int spool_scan(unsigned dir, bool (*fn)(void *arg, const char *name, uint64_t inode), void *arg);

struct spool_times {
	uint64_t size;
	int64_t next;
	bool scheduled;
	uint64_t stamp;
};
/* Without opening it; -1 with errno (EINVAL: not a regular file, or linked twice). */
int spool_stat(uint64_t id, unsigned part, int64_t trashed, struct spool_times *out);

/*
 * Whether the volume keeps what is synced: writes a fresh file, syncs it and its directory, reads
 * it back past the cache (where the file system can), removes it. 0, or -1 with errno.
 */
int spool_probe(void);

/*
 * What else is kept over a restart, as small files beside the hash directories: -1 with errno. One is
 * replaced whole, and synced.
 */
enum spool_file { STATE_LOGINS, STATE_SUSPENDED, STATE_QUIRKS, STATES };
int spool_read_state(enum spool_file file, struct buf *b);
int spool_write_state(enum spool_file file, struct str s);

/*
 * The checkpoint (snapshot.h): a descriptor of the one that there is; of a new one, which then takes
 * its place. -1 with errno.
 */
int spool_checkpoint_open(void);
int spool_checkpoint_new(void);
int spool_checkpoint_keep(void);

/* Bytes and inodes that are free for us; -1 with errno. */
int spool_space(uint64_t *bytes, uint64_t *inodes);

#endif
