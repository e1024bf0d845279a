/*
 * The small text file "thurn-mailbox" in each mailbox's directory: what must survive the loss of
 * the index. Pure code: reading and writing of its text; box.c does the files. See thurn-store(5).
 */
#ifndef STORE_BOXFILE_H
#define STORE_BOXFILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "store/store.h"

#define BOXFILE_NAME "thurn-mailbox"
enum { BOXFILE_MAX = 16 * 1024 }; /* bytes of the file */

struct boxfile {
	uint64_t id;
	uint32_t uidvalidity;
	uint32_t uidfloor; /* every UID handed out so far is below */
	uint64_t modseqceiling; /* every mod-sequence handed out so far is below */
	enum store_use use;
	struct str keywords[STORE_KEYWORDS_MAX]; /* by bit; empty = free */
};

/* 0, or -1 if it is damaged (no first line, no last line, a needed value missing or absurd). The
 * keywords are copied into a. */
int boxfile_parse(struct str text, struct arena *a, struct boxfile *f);
void boxfile_format(const struct boxfile *f, struct buf *out);

/* An IMAP atom of at most STORE_KEYWORD_MAX bytes. */
bool boxfile_keyword(struct str s);

#endif
