/*
 * The mail store of one account, as seen by one session (DESIGN section 6, thurn-store(5)).
 *
 * Messages are files in home/Maildir (Maildir++, LF line ends); what a session asks often stands in
 * an LMDB environment in home/index. Several processes of one account work at the same time; UIDs
 * and mod-sequences are handed out under one writer lock and never repeat. Deliveries appear in
 * new/ without a word to the index: the next status, select or refresh adopts them.
 *
 * Everything here blocks, for one account, in one thread. Nothing here writes to a client or a log.
 *
 * Names of mailboxes are UTF-8 with '/' between levels ("Lists/thurn"); "INBOX" is known in any
 * case, as a first level too. On disk: ".Lists.thurn" in modified UTF-7, a '.' inside a level as
 * "&AC4-" (folder.h). Not names: empty levels, "." and "..", a leading '~', control characters,
 * '%' and '*', invalid UTF-8, more than STORE_NAME_MAX bytes.
 *
 * Lifetimes: what a function hands out by struct str or const pointer is borrowed; each says until
 * when. "The next call" means the next call with the same store.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum {
	STORE_NAME_MAX = 240, /* bytes of a mailbox name as UTF-8 and as directory */
	STORE_DEPTH_MAX = 32, /* levels of a mailbox name */
	STORE_MAILBOXES_MAX = 20000, /* per account */
	STORE_KEYWORDS_MAX = 64, /* per mailbox: bits of struct store_msg.keywords */
	STORE_KEYWORD_MAX = 64, /* bytes of a keyword */
	STORE_CACHE_MAX = 1 << 20, /* bytes of one cached item */
};
/* A message: sizes are 32 bits in IMAP4rev1. */
#define STORE_MESSAGE_MAX UINT64_C(0xffffffff)

enum store_error {
	STORE_OK,
	STORE_NONAME, /* not a valid name, or one that cannot be stored: NO [CANNOT] */
	STORE_NOTFOUND, /* no such mailbox: NO [NONEXISTENT], or [TRYCREATE] for APPEND and COPY */
	STORE_EXISTS, /* NO [ALREADYEXISTS] */
	STORE_NOSELECT, /* the name exists only as a parent of others */
	STORE_INUSE, /* DELETE of INBOX, or of a parent without messages: NO [CANNOT] */
	STORE_GONE, /* the selected mailbox was deleted, or the message is no longer there */
	STORE_UNREADABLE, /* the message's file is no regular file, or cannot be opened */
	STORE_TOOBIG, /* larger than STORE_MESSAGE_MAX: NO [TOOBIG] */
	STORE_LIMIT, /* too many mailboxes or keywords: NO [LIMIT] */
	STORE_OVERQUOTA, /* NO [OVERQUOTA] */
	STORE_NOSPACE, /* disk is full: NO [UNAVAILABLE]; nothing has changed */
	STORE_IO, /* anything else; errno says more: NO [UNAVAILABLE], or [SERVERBUG] */
	STORE_ERRORS
};
/* A short sentence, without a full stop; never NULL. */
const char *store_strerror(enum store_error e);

/* --- account --------------------------------------------------------------------------------- */

struct store;

struct store_options {
	uint64_t quota_bytes; /* 0 = none; counted as on disk, checked by append, copy */
	uint64_t quota_messages; /* 0 = none */
	uint32_t gone_keep; /* seconds that expunged messages stay in gone/; 0 = 7 days */
	size_t map_size; /* first size of the memory map; 0 = 1 GiB; grows by itself */
	/*
	 * Something was skipped or repaired: "message-skipped" (FIFO, directory, mode 0 ... in cur/
	 * or new/; name = file), "mailbox-skipped", "message-lost" (an indexed file has vanished),
	 * "message-short" (left so by a power cut, never acknowledged: it is in gone/ now),
	 * "index-rebuilt" (was damaged and set aside), "index-recovered" (after a reboot). errno
	 * value in error, or 0. May be NULL. Must not call the store.
	 */
	void (*report)(void *arg, const char *event, struct str name, int error);
	void *arg;
};

/*
 * Opens the account whose home directory is the path home ("." for a confined session); creates
 * Maildir and index if they are not there. options may be NULL. A damaged index is set aside and
 * rebuilt from the Maildir here, and again in any later call that finds it damaged.
 */
enum store_error store_open(
    const char *home, const struct store_options *options, struct store **out);
void store_close(struct store *s); /* views are closed before; NULL is allowed */

/*
 * Ends the read snapshot that the store keeps between calls. Call it before every wait for the
 * client: an old snapshot makes the index grow. Everything borrowed from the cache ends with it.
 */
void store_rest(struct store *s);

/*
 * Lazy work, to be called when the session is idle, and within 30 s of a change of flags: renames
 * up to `budget` files so that their names show the flags, syncs what may still be unsynced. True
 * if there is more to do. Any session of the account does it for all.
 */
bool store_mirror(struct store *s, unsigned budget);

/*
 * Housekeeping, at most once a day per mailbox whoever calls it: empties gone/ after gone_keep,
 * removes leftovers older than 36 hours from tmp/, forgets old expunges. Cheap when not due.
 */
void store_clean(struct store *s);

struct store_usage {
	uint64_t bytes, messages; /* kept up to date in the index, on-disk bytes */
	uint64_t quota_bytes, quota_messages; /* as given; 0 = none */
};
enum store_error store_usage(struct store *s, struct store_usage *out);

/* --- mailboxes ------------------------------------------------------------------------------- */

/* RFC 6154 */
enum store_use {
	STORE_USE_NONE,
	STORE_USE_ALL,
	STORE_USE_ARCHIVE,
	STORE_USE_DRAFTS,
	STORE_USE_FLAGGED,
	STORE_USE_JUNK,
	STORE_USE_SENT,
	STORE_USE_TRASH,
	STORE_USES
};
/* "\\Sent" and so on, "" for none; and back (any case; STORE_USES if it is none of them). */
const char *store_use_name(enum store_use u);
enum store_use store_use_find(struct str name);

/* What a name is. RFC 3501 7.2.2, RFC 3348, RFC 5258 */
enum {
	STORE_BOX_NOSELECT = 1, /* only a parent of others (\Noselect, \NonExistent) */
	STORE_BOX_CHILDREN = 2, /* \HasChildren, else \HasNoChildren */
	STORE_BOX_SUBSCRIBED = 4,
	STORE_BOX_MARKED = 8, /* has recent messages (\Marked, else \Unmarked) */
};

struct store_box {
	struct str name;
	unsigned flags;
	enum store_use use;
};

/*
 * All mailboxes, INBOX first, then by bytes, parents that do not exist included as NOSELECT; with
 * `subscribed` also subscribed names that do not exist (NOSELECT | SUBSCRIBED). Patterns are the
 * caller's. Owned by the store, valid until the next call of store_list.
 */
enum store_error store_list(
    struct store *s, bool subscribed, const struct store_box **out, size_t *n);

/* RFC 3501 6.3.3; a '/' at the end is ignored. use: RFC 6154 CREATE-SPECIAL-USE, or NONE (the usual
 * names "Drafts", "Sent", "Trash", "Junk", "Archive" get their use by themselves). Synced. */
enum store_error store_create(struct store *s, struct str name, enum store_use use);
/* RFC 3501 6.3.4: with inferiors the name stays as NOSELECT. The messages are kept in
 * home/index/deleted for gone_keep. Synced. */
enum store_error store_delete(struct store *s, struct str name);
/* RFC 3501 6.3.5: inferiors move along; INBOX gives its messages away and stays. Synced. */
enum store_error store_rename(struct store *s, struct str from, struct str to);
/* Any valid name may be subscribed; unsubscribing what is not subscribed is no error. Synced. */
enum store_error store_subscribe(struct store *s, struct str name, bool on);
enum store_error store_set_use(struct store *s, struct str name, enum store_use use);

struct store_status {
	uint32_t messages, unseen, recent, deleted;
	uint32_t uidnext, uidvalidity;
	uint64_t modseq; /* HIGHESTMODSEQ, at least 1 */
	uint64_t size; /* sum of RFC822.SIZE */
	uint64_t id; /* names the mailbox for ever, also after RENAME (RFC 8474) */
};
/* From counters; adopts what lies in new/ first, lists no directory without need. */
enum store_error store_status(struct store *s, struct str name, struct store_status *out);

/* --- a selected mailbox ---------------------------------------------------------------------- */

enum {
	STORE_SEEN = 0x01,
	STORE_ANSWERED = 0x02,
	STORE_FLAGGED = 0x04,
	STORE_DELETED = 0x08,
	STORE_DRAFT = 0x10,
	STORE_SYSTEM = 0x1f, /* the flags that a client may set */
	STORE_PASSED = 0x20, /* Maildir's "P": kept, not shown */
	STORE_RAW = 0x40, /* bare CR or LF inside: served as stored */
	STORE_RECENT = 0x100, /* for this session (RFC 3501 2.3.2); never stored */
	STORE_VANISHED = 0x200, /* expunged elsewhere, not yet told: stays in the view until a
				   refresh with expunges; may still be read (RFC 2180) */
};

/* Also the record in the index: 40 bytes, host byte order. */
struct store_msg {
	uint32_t uid;
	uint32_t flags;
	uint64_t modseq;
	uint64_t keywords; /* bit n = keyword n of the mailbox */
	uint32_t size; /* with CRLF line ends: RFC822.SIZE */
	uint32_t disk; /* bytes on disk */
	int64_t date; /* INTERNALDATE, seconds since 1970 */
};

/*
 * A snapshot of a mailbox in order of UIDs. Messages are named by index: sequence number - 1. The
 * array changes only in store_refresh() (and flags in it in store_change()).
 */
struct store_view {
	struct store *store;
	const struct store_msg *msgs;
	uint32_t n;
	uint32_t uidnext, uidvalidity;
	uint64_t modseq; /* of the snapshot; all changes up to here have been told */
	uint64_t id;
	uint32_t recent; /* messages with STORE_RECENT */
	uint32_t unseen; /* messages without STORE_SEEN; the first of them: store_first_unseen() */
	bool readonly;
	/* names by bit, empty where a bit is free; valid until the next refresh */
	const struct str *keywords;
	uint32_t nkeywords;
	struct str name; /* as of the last refresh */
	struct str folder; /* Maildir++ name without the dot, "" = INBOX: as in proto/notify.h */
};

/*
 * Selects. Adopts new mail, claims it as recent, loads all records: about 3 ms for 100,000. readonly
 * (EXAMINE) shows what is recent, and leaves it to others.
 */
enum store_error store_select(
    struct store *s, struct str name, bool readonly, struct store_view **out);
void store_unselect(struct store_view *v); /* NULL is allowed */

/* Index of that UID, or -1; of the first message with a UID not below it (v->n if none). */
int64_t store_find(const struct store_view *v, uint32_t uid);
uint32_t store_lower(const struct store_view *v, uint32_t uid);
/* Index of the first message without \Seen, or -1. */
int64_t store_first_unseen(const struct store_view *v);

struct store_expunged {
	uint32_t seq; /* the number to send when sent in this order */
	uint32_t uid;
};

struct store_changes {
	const struct store_expunged *expunged; /* highest first */
	uint32_t nexpunged;
	const uint32_t *changed; /* indexes (after the expunges) of old messages with new flags */
	uint32_t nchanged;
	uint32_t first_new; /* index of the first message that is new; v->n if none */
	bool keywords; /* there are new keywords: send FLAGS again */
};

/*
 * Brings the view up to date: adopts what lies in new/, takes in what other sessions did. Without
 * `expunges` (during FETCH, STORE, SEARCH: RFC 3501 7.4.1) vanished messages stay, marked
 * STORE_VANISHED. Costs two system calls when nothing has changed. Valid until the next refresh.
 */
enum store_error store_refresh(struct store_view *v, bool expunges, struct store_changes *out);

/*
 * The mask of these keywords (any case; each an atom that the caller has checked). Unknown ones are
 * added when `create` (synced; v->keywords grows at once), else left out. STORE_LIMIT: no room.
 */
enum store_error store_keywords(
    struct store_view *v, const struct str *names, size_t n, bool create, uint64_t *mask);

enum store_op { STORE_ADD, STORE_REMOVE, STORE_REPLACE };
struct store_change {
	enum store_op op;
	uint32_t flags; /* of STORE_SYSTEM */
	uint64_t keywords;
	bool conditional; /* RFC 7162 3.1.3: only messages with modseq <= unchangedsince */
	uint64_t unchangedsince;
};
enum store_result {
	STORE_SAME, /* had these flags already */
	STORE_CHANGED, /* the view shows the new flags and modseq */
	STORE_MODIFIED, /* not touched: changed after unchangedsince */
	STORE_EXPUNGED, /* not touched: it is no longer there */
};
/*
 * Changes flags of n messages (ascending indexes) in one transaction with one mod-sequence, and
 * writes a result for each into results[n]. Changes of other sessions to these very messages show
 * up in the view here, in others at the next refresh.
 */
enum store_error store_change(struct store_view *v, const uint32_t *idx, size_t n,
    const struct store_change *c, enum store_result *results);

/*
 * Expunges those of the n messages (idx NULL: of all) that have \Deleted in the index. Nothing
 * leaves the view: the next refresh tells. Synced; *count = how many.
 */
enum store_error store_expunge(
    struct store_view *v, const uint32_t *idx, size_t n, uint32_t *count);

/* --- content --------------------------------------------------------------------------------- */

/* An open message. Offsets and lengths are those of the wire form (CRLF line ends). */
struct store_body {
	int fd;
	uint32_t size; /* wire form */
	uint32_t disk;
	bool raw;
	/* private: where the last read ended */
	uint32_t at, at_disk;
	bool at_lf; /* the CR before the LF at at_disk has been given out */
	bool after_cr;
};
/* STORE_GONE: expunged and purged; STORE_UNREADABLE: skip it, say NO. */
enum store_error store_body_open(struct store_view *v, uint32_t idx, struct store_body *b);
void store_body_close(struct store_body *b);
/*
 * Appends up to n bytes from offset `from` of the wire form to out; fewer at the end. Reading on
 * where the last read ended costs nothing extra; elsewhere it skims from the start. STORE_IO also
 * if out->max is reached (errno ENOBUFS) or the file has become shorter (ENODATA).
 */
enum store_error store_body_read(struct store_body *b, uint32_t from, uint32_t n, struct buf *out);

/* How many bytes n stored bytes are on the wire. *after_cr carries over from block to block. */
size_t store_wire_size(const char *p, size_t n, bool *after_cr);
/* Appends p[0..n) with LF made CRLF (LF after CR stays). 0 or -1 when out is full. */
int store_wire_put(struct buf *out, const char *p, size_t n, bool *after_cr);

/*
 * Cached items of messages, opaque to the store. Written in bulk, lost with the index; the caller
 * puts a version into them. They travel with COPY and MOVE.
 */
enum store_item {
	STORE_ITEM_ENVELOPE,
	STORE_ITEM_STRUCTURE, /* BODYSTRUCTURE, part offsets */
	STORE_ITEM_PREVIEW,
	STORE_ITEMS
};
/*
 * True and the item, or false if there is none. Borrowed from the index until store_rest() or any
 * call that changes the mailbox. Ascending order is fast (about 0.1 us each).
 */
bool store_item_get(struct store_view *v, uint32_t idx, enum store_item item, struct str *out);
/* Remembers a copy, to be written by store_item_flush(), or when about 1 MB has come together. An
 * item that cannot be stored is forgotten: it is only a cache. */
void store_item_put(struct store_view *v, uint32_t idx, enum store_item item, struct str bytes);
void store_item_flush(struct store_view *v);

/* --- adding ---------------------------------------------------------------------------------- */

/* One or several messages (RFC 3502) that appear together or not at all. */
struct store_batch;
enum store_error store_append_begin(struct store *s, struct str mailbox, struct store_batch **out);
/* Begins the next message. keywords are names; date in seconds since 1970, or INT64_MIN for now. */
enum store_error store_append_message(struct store_batch *b, uint32_t flags,
    const struct str *keywords, size_t nkeywords, int64_t date);
/* Content as it comes from the client. CRLF becomes LF; bare CR or LF makes the message raw. */
enum store_error store_append_write(struct store_batch *b, const void *p, size_t n);

struct store_added {
	uint32_t uidvalidity;
	uint32_t first, n; /* UIDs first .. first + n - 1 */
};
/* Durable when it returns STORE_OK; otherwise nothing was added. Frees b in any case. */
enum store_error store_append_commit(struct store_batch *b, struct store_added *out);
void store_append_abort(struct store_batch *b); /* NULL is allowed */

struct store_copied {
	uint32_t uidvalidity;
	const uint32_t *from, *to; /* UIDs, n each; valid until the next call; to is ascending */
	uint32_t n; /* messages that were gone or unreadable are left out */
};
/*
 * Copies (or moves: RFC 6851) n messages (ascending indexes) to another mailbox, or the same one.
 * Flags, keywords, date, and cached items go along. COPY is all or nothing; MOVE may stop between
 * messages: out says which have moved, also with an error. Durable on return.
 */
enum store_error store_copy(struct store_view *v, const uint32_t *idx, size_t n, struct str mailbox,
    bool move, struct store_copied *out);

#endif
