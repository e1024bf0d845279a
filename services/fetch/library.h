/*
 * libcurl: one HTTPS request at a time over HTTP/1.1, on our event loop. Nobody else knows which
 * library it is. It asks no DNS, opens no file, follows no redirection, knows no proxy, cookie or
 * password of its own, and connects to no address that it was not given.
 */
#ifndef FETCH_LIBRARY_H
#define FETCH_LIBRARY_H

#include "base/buf.h"
#include "net/ip.h"
#include "proto/fetch.h"

enum { ADDRESSES_MAX = 8, HOST_TEXT = 256 /* a host's name with its NUL */ };

/* A URL, taken apart: "https://host[:port]/...", without user or fragment. */
struct place {
	char url[FETCH_URL_MAX + 1]; /* as the library writes it */
	char host[HOST_TEXT]; /* in lower case, without brackets */
	uint16_t port;
};
/* port: of URLs that name none. -1 when it is none of that kind. */
int place_parse(struct str url, uint16_t port, struct place *p);

/*
 * Before confinement: sets up the library. anchors: certificates that are trusted (PEM), which stay
 * the caller's and must stay. -1 when it cannot be used.
 */
int library_open(struct str anchors);

struct request {
	const struct place *place;
	const struct ip *ips; /* of its host */
	unsigned nips;
	bool post;
	const char *content_type; /* of body */
	struct str body, authorization; /* copied */
	size_t answer_max; /* bytes */
	uint64_t ms; /* for all of it */
};

/* One exchange; embedded in its owner, zero-initialised. */
struct exchange {
	enum fetch_outcome outcome; /* when done */
	unsigned status;
	const char *type; /* Content-Type; may be NULL; the library's, like why */
	struct buf answer;
	const char *why;
	uint64_t bytes; /* received, headers included */

	void (*done)(struct exchange *x);
	struct handles *handles; /* library.c: NULL = idle */
};

/* Begins; done() is called once, from the loop. Afterwards exchange_clear() is the owner's to call. */
void exchange_begin(struct exchange *x, const struct request *r, void (*done)(struct exchange *x));
/* Ends it without a word, if it is under way, and frees what it holds. Safe when idle. */
void exchange_clear(struct exchange *x);

#endif
