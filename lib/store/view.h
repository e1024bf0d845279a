/* A selected mailbox from inside, shared by the files that work on one. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/internal.h"

struct view {
	struct store_view pub; /* first: callers hold a pointer to it */
	struct box box;
	struct store_msg *msgs; /* pub.msgs */
	size_t cap;
	uint64_t epoch; /* store.epoch when it was last loaded */
	uint32_t version; /* box.head.version that pub shows */
	uint32_t vanished; /* messages with STORE_VANISHED */
	uint64_t loaded; /* mod-sequence at the last complete look */
	struct store_expunged *expunged;
	uint32_t *changed;
	size_t expunged_cap, changed_cap;
};

static inline struct view *view_of(struct store_view *pub)
{
	return (struct view *)pub;
}

/* Begins a change of the view's mailbox: index_write() and box_enter(). */
enum store_error view_write(struct view *v, size_t need);
/* Finds the mailbox again after the index was replaced. */
enum store_error view_current(struct view *v);
/* Shows names, keywords of the mailbox in pub. */
void view_show(struct view *v);

/* expunge.c: the name in gone/ of a message expunged after that mod-sequence. 0 or MDB_NOTFOUND */
int tomb_name(
    struct store *s, uint32_t box, uint64_t since, uint32_t uid, char out[MSGNAME_MAX + 1]);

/* Files moved to gone/ in the change under way, to be undone if it fails. */
struct gone_list {
	char **names;
	size_t n, cap;
};
int gone_move(struct gone_list *g, struct box *b, struct str name); /* 0 or errno */
void gone_undo(struct gone_list *g, struct box *b);
void gone_clear(struct gone_list *g);

#endif
