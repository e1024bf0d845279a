/*
 * sendmail: what the command line and the message ask for. Every part fills or reads this.
 */
#ifndef SENDMAIL_REQUEST_H
#define SENDMAIL_REQUEST_H

#include <stdbool.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum {
	INPUT_MAX = 1024 * 1024 * 1024, /* of a message; the server has its own, smaller limit */
	HEADER_MAX = 16 * 1024 * 1024,
	RECIPIENTS_MAX = 100000,
};

struct recipients {
	struct str *list;
	size_t n, cap;
};

struct request {
	struct arena mem;
	char mode; /* of -b: 'm' deliver, 's' SMTP, 'p' mailq, 'i' newaliases, 'v' verify, 'd' */
	bool extract; /* -t */
	bool dots; /* -i: a line with a dot does not end the input */
	bool verbose;
	bool eightbit; /* -B 8BITMIME, or found in the text */
	struct str sender; /* empty = <> */
	bool sender_given;
	const char *full_name; /* -F */
	const char *envid; /* -V */
	const char *ret; /* -R: FULL or HDRS */
	struct str notify; /* -N: as RCPT wants it */
	const char *conf; /* -C */
	const char *queue; /* what -q asks for; NULL = it was not given */
	char queue_kind; /* 'a' all, 'i' id, 's' site */
	struct recipients to;
};

/* "sendmail: text" on standard error; returns status. */
int complain(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds an address (copied); -1 when there are too many. Twice the same counts once. */
int recipients_add(struct request *r, struct str address);
/*
 * Adds every address of a list as it stands in a header or on a command line. An exit status, with
 * a complaint that names what is not an address.
 */
int recipients_add_list(struct request *r, struct str list);

#endif
