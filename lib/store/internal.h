/*
 * What the files of lib/store share, and nobody else sees. Layers, from below: index.c (LMDB
 * environment, transactions, the writer lock), record.c (records in chunks), box.c (one mailbox:
 * header, directories, text file), adopt.c and scan.c (what the disk says), account.c and root.c
 * (what mailboxes there are); above them one file per group of functions of store.h.
 *
 * Rules. Every change happens between index_write() and index_commit() or index_abort(), which
 * hold the writer lock. A mailbox is changed between box_enter() and box_leave() in there. Files
 * are renamed before the commit that says so; what a kill leaves half-done is seen by the changed
 * mtime of cur/ and put right by scan.c.
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <lmdb.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "store/boxfile.h"
#include "store/folder.h"
#include "store/msgname.h"
#include "store/store.h"
#include "store/sync.h"

/* --- index.c --------------------------------------------------------------------------------- */

enum {
	DBI_META, /* 'a' account; 'b' id head; 'i' id names and keywords; 'n' name -> id */
	DBI_RECS, /* mailbox and UID -> up to RECORD_CHUNK struct store_msg */
	DBI_FILES, /* mailbox and UID -> struct file_head and the file's name now */
	DBI_TOMBS, /* struct tomb_key -> name in gone/ */
	DBI_ITEMS, /* + enum store_item: mailbox and UID -> item */
	DBI_MAX = DBI_ITEMS + STORE_ITEMS
};

struct item_pos {
	MDB_cursor *cursor; /* belongs to the read transaction */
	uint64_t at; /* key under the cursor; 0 = nowhere */
	uint64_t asked; /* last key asked for; none between asked and at */
};

/* A mailbox whose new/ was seen empty long enough after its mtime (box.c). */
enum { STORE_SURE = 64 };
struct sure {
	uint32_t id;
	uint64_t new_time;
};

struct store {
	struct store_options opt;
	char *home_path;
	int home, maildir, indexdir, tmp; /* tmp: Maildir/tmp */
	int lock; /* writer lock: an open file description lock */
	MDB_env *env;
	MDB_dbi dbi[DBI_MAX];
	MDB_txn *read, *write;
	bool reading; /* read is active */
	bool locked; /* the writer lock is ours */
	bool guarded; /* guard.c knows the map */
	bool damaged; /* set aside before the next use */
	bool failed; /* a commit did: opened anew before the next use */
	bool unsynced; /* something was committed whose last sync is still owed */
	uint64_t reserved; /* up to where data.mdb has its blocks, at least */
	uint64_t inode; /* of data.mdb; another one there means it was replaced */
	uint64_t epoch; /* counts replacements */
	int64_t boot; /* when the machine was started, ms since 1970 */
	struct sure sure[STORE_SURE];
	struct item_pos item[STORE_ITEMS];
	struct buf pending; /* item.c */
	uint64_t pending_epoch;
	struct arena list, scratch, copied;
	struct syncer sync;
};

#define FILE_MODE 0600
#define DIR_MODE  0700

enum store_error index_open(struct store *s);
void index_close(struct store *s);
/* Begins reading (a snapshot that stays until index_rest); nothing to do while writing. */
enum store_error index_read(struct store *s);
void index_rest(struct store *s);
/*
 * Begins a change that may need about `need` bytes of index: takes the writer lock. The commit
 * syncs the data; with `durable` also the page that makes it the current state (thurn-store(5)).
 */
enum store_error index_write(struct store *s, size_t need);
enum store_error index_commit(struct store *s, bool durable);
void index_abort(struct store *s);
/* Commits if e is STORE_OK; whatever fails, the change is aborted. */
enum store_error index_end(struct store *s, enum store_error e, bool durable);
void index_sync(struct store *s);
/* What this LMDB or errno value means to callers; notes damage. Sets errno. */
enum store_error index_error(struct store *s, int rc);
/* The transaction to read with: the change that is under way, or the snapshot. */
MDB_txn *index_txn(struct store *s);

static inline uint64_t msg_key(uint32_t box, uint32_t uid)
{
	return (uint64_t)box << 32 | uid;
}
/* 0, MDB_NOTFOUND, or another fault. out is borrowed from the map. */
int index_get(struct store *s, unsigned dbi, const void *key, size_t nkey, struct str *out);
int index_put(struct store *s, unsigned dbi, const void *key, size_t nkey, const void *p, size_t n);
int index_del(struct store *s, unsigned dbi, const void *key, size_t nkey); /* absent is fine */

void store_report(struct store *s, const char *event, struct str name, int error);

/* --- record.c -------------------------------------------------------------------------------- */

enum {
	RECORD_CHUNK = 102, /* of 40 bytes: fills one page exactly, header included */
	RECORD_DIRTY = 0x10000, /* in flags: the file's name does not show the flags yet */
	RECORD_FLAGS = STORE_SYSTEM | STORE_PASSED, /* that stand in file names */
};

/* One mailbox's records, chunk by chunk, in the write transaction. */
struct record_walk {
	struct store *s;
	MDB_cursor *cursor;
	uint32_t box;
	int rc; /* first fault; record_end() returns it */
	uint64_t key;
	bool loaded, dirty;
	bool tail; /* the chunk is the mailbox's last one */
	uint32_t n;
	struct store_msg m[RECORD_CHUNK];
};

void record_begin(struct record_walk *w, struct store *s, uint32_t box);
/* The record, to look at or change (then record_touch), until the next call; NULL if there is none.
 */
struct store_msg *record_find(struct record_walk *w, uint32_t uid);
/* The first record with a UID not below uid, or NULL. */
struct store_msg *record_next(struct record_walk *w, uint32_t uid);
void record_touch(struct record_walk *w);
void record_remove(struct record_walk *w, struct store_msg *m);
void record_add(struct record_walk *w, const struct store_msg *m); /* UID above all others */
int record_end(struct record_walk *w);

struct record_list {
	struct store_msg *m;
	size_t n, cap;
};
/* Appends the records with UIDs from `from` on. */
int record_load(struct store *s, uint32_t box, uint32_t from, struct record_list *l);

struct file_head {
	int64_t saved; /* when it came into this mailbox, seconds since 1970 */
};
int file_get(struct store *s, uint32_t box, uint32_t uid, struct str *name);
int64_t file_saved(struct str name); /* of a name as file_get() gave it */
int file_rename(struct store *s, uint32_t box, uint32_t uid, const char *name);
int file_put(struct store *s, uint32_t box, uint32_t uid, const char *name, int64_t saved);

/* --- box.c ----------------------------------------------------------------------------------- */

enum { UID_BLOCK = 1024, MODSEQ_BLOCK = 65536 };

/* FRESH_REBUILD: its text file was there, so there has been an index that is lost. */
enum { FRESH_NEW = 1, FRESH_REBUILD };

/* In DBI_META under 'b', host byte order. */
struct box_head {
	uint32_t id, uidvalidity;
	uint64_t object; /* id in thurn-mailbox, store_status.id */
	uint32_t uidnext, uidfloor;
	uint64_t modseq, modseqceiling;
	uint64_t changed; /* mod-sequence of the last change that was not just an addition */
	uint64_t forgotten; /* expunges up to this mod-sequence are not known any more */
	uint32_t messages, unseen, deleted, recent;
	uint32_t recent_uid; /* from here on nobody has seen them as recent */
	uint32_t dirty; /* records with RECORD_DIRTY */
	uint64_t size, disk;
	uint64_t cur_time, new_time; /* mtime in ns when we last knew what is in there */
	uint64_t cur_inode, new_inode;
	uint64_t new_checked; /* when that was, ns */
	int64_t boot; /* store.boot then */
	int64_t cleaned;
	uint32_t use, version; /* enum store_use; version changes with names and keywords */
	uint32_t tombs;
	uint32_t fresh; /* made from the disk, messages not looked at yet */
};

struct box {
	struct box_head head;
	uint64_t had_disk, had_messages; /* at box_load(), for the account's sums */
	struct folder folder;
	struct str keywords[STORE_KEYWORDS_MAX];
	uint32_t nkeywords; /* highest used bit + 1 */
	struct arena arena; /* of the keywords */
	int dir, cur, new, tmp, gone; /* -1 = not open */
	bool touched; /* this change renamed something in cur/ */
	bool claim; /* for a view: what box_sync() finds recent belongs to it, */
	uint32_t claimed_from, claimed_to; /* these UIDs */
};

void box_init(struct box *b);
void box_clear(struct box *b);
enum store_error box_load(struct store *s, uint32_t id, struct box *b);
/* Reads the header again. STORE_GONE if the mailbox is no longer there. */
enum store_error box_reload(struct store *s, struct box *b);
enum store_error box_save(struct store *s, struct box *b); /* the header, the account's sums */
enum store_error box_save_info(struct store *s, struct box *b); /* names and keywords too */
enum store_error box_open(struct store *s, struct box *b); /* its directories */
enum store_error box_open_gone(struct box *b);
/* In a change: knows afterwards what is in cur/ and new/. */
enum store_error box_enter(struct store *s, struct box *b);
enum store_error box_leave(struct store *s, struct box *b);
/* Outside of a change: makes one if the disk (cur/ only with `all`) is not as the index knows it.
 */
enum store_error box_sync(struct store *s, struct box *b, bool all);
/* The machine was started anew since this mailbox was last looked through. */
bool box_rebooted(const struct store *s, const struct box *b);
/* Makes sure that n UIDs and a few mod-sequences may be handed out. */
enum store_error box_reserve(struct store *s, struct box *b, uint32_t n);
enum store_error box_write_file(struct store *s, struct box *b);
/* 0 and *f, or -1 with errno (ENOENT: none, EBADMSG: damaged). */
int box_read_file(int dir, struct arena *a, struct boxfile *f);
/* Bits of names; with `create` missing ones are added and made durable. */
enum store_error box_keywords(
    struct store *s, struct box *b, const struct str *names, size_t n, bool create, uint64_t *mask);
/* Adds a message to (or takes one out of) the counters. */
void box_count(struct box *b, const struct store_msg *m, int sign);
/* Writes a file in tmp, syncs it, renames it to dir/name, syncs dir. 0 or -1 with errno. */
int file_replace(int tmp, int dir, const char *name, struct str text);
/* Directory beneath dir, no symlink; made if missing with `make`. -1 with errno. */
int dir_open(int dir, const char *name, bool make);
uint64_t time_ns(const struct timespec *t);
uint64_t now_ns(void);

/* --- scan.c, adopt.c ------------------------------------------------------------------------- */

/* Takes what lies in new/ into the mailbox. */
enum store_error scan_new(struct store *s, struct box *b);
/* Compares cur/ and new/ with the index, and puts the index right. */
enum store_error scan_all(struct store *s, struct box *b);

/* expunge.c: one message leaves the index; the caller has moved the file. m is in w. */
struct tomb_key {
	uint8_t box[4], modseq[8], uid[4]; /* big-endian, so that they sort */
};
struct tomb_key tomb_make(uint32_t box, uint64_t modseq, uint32_t uid);
int message_remove(struct store *s, struct box *b, struct record_walk *w, struct store_msg *m,
    struct str name, uint64_t modseq);

/* item.c */
void item_init(struct store *s);
/* Copies what is cached of one message to another, in a change. */
int item_copy(struct store *s, uint64_t from, uint64_t to);

/* --- account.c, root.c ----------------------------------------------------------------------- */

struct account {
	uint32_t format, next_id;
	uint32_t uidvalidity; /* last one given out */
	uint32_t boxes;
	uint64_t bytes, messages;
	uint64_t root_time, root_inode, root_checked;
	int64_t boot;
};
enum { ACCOUNT_FORMAT = 1 };

int account_get(struct store *s, struct account *a);
int account_put(struct store *s, const struct account *a);
/* Outside of a change: brings the list of mailboxes up to date if Maildir/ has changed. */
enum store_error account_sync(struct store *s);
/* The same inside a change, always. */
enum store_error account_scan(struct store *s);
/* Around an own change of Maildir/ itself, so that it does not count as somebody else's. */
bool account_root_known(struct store *s);
enum store_error account_root_mark(struct store *s, bool known);
/* Id of that mailbox. STORE_NOTFOUND, STORE_NOSELECT, STORE_NONAME. */
enum store_error account_find(struct store *s, struct str name, uint32_t *id);
int account_name_get(struct store *s, struct str name, uint32_t *id);
int account_name_put(struct store *s, struct str name, uint32_t id);
int account_name_del(struct store *s, struct str name);
/* A new mailbox for that directory (which may hold a text file); *b is loaded. */
enum store_error account_add(
    struct store *s, const struct folder *f, enum store_use use, struct box *b);
/* admin.c: everything in the index about a mailbox whose directory is gone. */
enum store_error account_drop(struct store *s, struct box *b);
/* Calls fn for all mailboxes, in byte order of names; stops at the first fault. */
enum store_error account_each(struct store *s,
    enum store_error (*fn)(struct store *s, uint32_t id, struct str name, void *arg), void *arg);

#endif
