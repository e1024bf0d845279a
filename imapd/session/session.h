/*
 * One session: one user, one connection, plain blocking code. What all commands share.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "parse.h"
#include "store/store.h"

/* Everything that a client can push against. */
enum {
	LIMIT_COMMAND = 64 * 1024 - 1, /* a command with its literals, but for APPEND's message */
	LIMIT_SKIP = 1024 * 1024, /* of a bad command that is read and thrown away; then BYE */
	LIMIT_TAG = 64, /* bytes */
	LIMIT_BAD = 20, /* BAD commands in a row; then BYE */
	LIMIT_INPUT = 64 * 1024 - 1, /* read buffer */
	LIMIT_OUTPUT = 64 * 1024 * 1024, /* one response that cannot be sent in pieces */
	FLUSH_AT = 64 * 1024, /* output is sent when so much has come together */
	WAIT_COMMAND_MS = 30 * 60 * 1000, /* RFC 3501 5.4: at least 30 minutes */
	WAIT_CLIENT_MS = 5 * 60 * 1000, /* within a command, and for output to be taken */
	WAIT_IDLE_MS = 2 * 60 * 1000, /* between the signs of life in IDLE */
	WAIT_LAZY_MS = 10 * 1000, /* flags go to the file names when nothing has happened so long */
};

/* What happened to the connection. */
enum session_end {
	END_NONE,
	END_LOGOUT,
	END_CLOSED, /* the client has gone */
	END_TIMEOUT, /* nothing came, or output was not taken */
	END_STOP, /* the suite ends or the account was taken away */
	END_REFUSED, /* too much bad input */
	END_DELETED, /* the selected mailbox */
};

struct session {
	int client;
	int notify; /* channel to services/notify, or -1 */
	int control; /* channel to the parent, or -1 */
	bool (*stop)(void); /* asked when control is readable: shall the session end? */
	uint64_t literal_max; /* bytes of an APPEND */
	struct tag log;

	struct store *store;
	struct store_view *view; /* NULL: nothing is selected */
	bool condstore; /* RFC 7162: MODSEQ goes with every FETCH of flags */
	bool changed; /* notify told of a change in the selected mailbox */
	uint64_t keywords_told; /* hash of the names in the last FLAGS */

	struct buf in; /* read from the client, not used yet */
	struct buf cmd; /* the command: a line, literals, lines */
	size_t line; /* where in cmd its last line starts */
	struct buf out;
	struct arena arena; /* of the command */

	struct str tag; /* of the command */
	bool uid; /* it was "UID ..." */
	int64_t lazy_at; /* io_now() of the last lazy work */
	unsigned bad; /* BAD answers in a row */
	enum session_end end;
	uint64_t bytes_in, bytes_out, commands;
};

/*
 * Runs the session until its end. The caller sets client (non-blocking), notify, control, stop,
 * literal_max, log; opens store; puts what was read already into in (after session_init). login is
 * the tag of the command that logged in, which is answered first; empty: greets with PREAUTH.
 */
void session_init(struct session *s);
void session_run(struct session *s, struct str login_tag);
void session_clear(struct session *s); /* closes the view; descriptors and store are the caller's */

/* The text behind CAPABILITY. */
const char *session_capabilities(void);

/* --- answers (reply.c) ----------------------------------------------------------------------- */

/* The tagged answer, with which a handler ends. text: "[CODE] sentence" or a sentence. */
void reply_ok(struct session *s, const char *text);
void reply_no(struct session *s, const char *text);
void reply_bad(struct session *s, const char *text);
/* BAD with what the parser says. */
void reply_parse(struct session *s, const struct parse *p);
/* NO for an error of the store, logged when it is a fault of ours. */
void reply_store(struct session *s, enum store_error e, const char *missing_code);

/* --- the selected mailbox and other sessions (sync.c) ---------------------------------------- */

/* Tells the client what has changed; expunges only where RFC 3501 7.4.1 lets it. */
void sync_view(struct session *s, bool expunges);
/* "* FLAGS" and PERMANENTFLAGS of the view. */
void sync_flags(struct session *s);
/* Tells other sessions of a change in that Maildir folder. */
void sync_tell(struct session *s, struct str folder);
/* The same, by the name of the mailbox. */
void sync_tell_name(struct session *s, struct str name);
/* Is the mailbox of that name the selected one? */
bool sync_is_selected(const struct session *s, struct str name);
/* Takes in what notify says; sets s->changed. */
void sync_heard(struct session *s);
/* Leaves the mailbox. */
void sync_unselect(struct session *s);

/* The indexes of the view that a set names (s->uid says by what), ascending, in the arena. -1: a
 * message number that does not exist; the answer has been given. */
struct set;
int sync_resolve(struct session *s, struct set *set, uint32_t **idx, size_t *n);

/* --- parts of FETCH answers that others send too (flags.c) ----------------------------------- */

void out_number(struct buf *b, uint64_t v);
void out_flags(struct buf *b, const struct store_view *v, const struct store_msg *m);
/* "* 5 FETCH (FLAGS (...))", with UID and MODSEQ where they are due. */
void out_flags_fetch(struct session *s, uint32_t idx, bool flags);

/* --- mailbox names (names.c) ----------------------------------------------------------------- */

/* A UTF-8 name as the client sees it: modified UTF-7, as an astring. */
void out_mailbox(struct buf *b, struct str name);

#endif
