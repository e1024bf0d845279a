/* Opening the files of tables: below one directory, and only what nobody else may change. */
#ifndef TABLE_FILE_H
#define TABLE_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/str.h"
#include "table/table.h"

/*
 * Opens path below dir for reading. Unless `anywhere`, path must be relative without "..", and
 * every directory on the way and the file itself must be writable by their owner only (group, too,
 * when it is the owner's own), who is root, this process, or the owner of dir. A regular file
 * always. The descriptor and its stat, or -1 with a sentence in why and errno.
 */
int table_file_open(int dir, const char *path, bool anywhere, struct stat *st, char why[TABLE_WHY]);

/*
 * All of fd into b (from empty). -1 with why when it is longer than max, cannot be read, or changed
 * while it was read (errno EAGAIN then).
 */
int table_file_read(int fd, size_t max, struct buf *b, char why[TABLE_WHY]);

/* The same file with the same content, as far as inode, size and times tell. */
bool table_file_same(const struct stat *a, const struct stat *b);

#endif
