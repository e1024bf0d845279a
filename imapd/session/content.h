/*
 * One message while it is being fetched or searched: its file, its structure, what the store has
 * cached of it. Everything is loaded when first asked for; offsets are those of the wire form.
 */
#ifndef SESSION_CONTENT_H
#define SESSION_CONTENT_H

#include "mail/mime.h"
#include "session.h"

struct content {
	struct session *s;
	uint32_t idx;
	bool first; /* for FETCH: nothing stands behind the bracket yet */
	bool open;
	struct store_body body;
	struct buf envelope; /* text of ENVELOPE */
	struct buf structure; /* the cached item: see content.c */
	struct mime_node *nodes;
	uint32_t nnodes, nodes_cap;
	struct buf header; /* start of the message, to the end of its header */
	bool have_header;
	struct buf block; /* for reading */
};

enum {
	CONTENT_BLOCK = 64 * 1024,
	CONTENT_HEADER_MAX = 10 * 1024 * 1024, /* more of a header is not looked at */
};

void content_init(struct content *c, struct session *s);
void content_clear(struct content *c);
/* Turns to another message of the view. */
void content_seek(struct content *c, uint32_t idx);

/* Each: STORE_OK, or why the message cannot be read. Borrowed until content_seek(). */
enum store_error content_open(struct content *c);
enum store_error content_envelope(struct content *c, struct str *out);
enum store_error content_structure(struct content *c, bool ext, struct str *out);
enum store_error content_nodes(struct content *c);
/* The header of the message with its empty line, CONTENT_HEADER_MAX at most. */
enum store_error content_header(struct content *c, struct str *out);
/* Any bytes; fewer at the end. Borrowed until the next call. */
enum store_error content_read(struct content *c, uint64_t from, uint64_t n, struct str *out);

#endif
