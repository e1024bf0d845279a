/* The way to the local submission socket, and replies from it. */
#ifndef SENDMAIL_SOCKET_H
#define SENDMAIL_SOCKET_H

#include <stdio.h>

#include "request.h"

enum { REPLY_MAX = 2000 };

struct smtp {
	FILE *in, *out;
	const struct request *request;
	int code; /* of the last reply; 0 = the connection is gone */
	char text[REPLY_MAX]; /* its last line, without code */
	char host[256]; /* the server's name */
	bool size, eightbitmime, smtputf8, dsn;
};

/*
 * A connected descriptor, or -1 with errno: the socket of the built-in run directory, or of the
 * configured one.
 */
int socket_connect(const struct request *r);
/* A value of the configuration, or NULL when it cannot be read; borrowed. */
const char *socket_setting(const struct request *r, const char *name);

/* Connects, takes the greeting, says EHLO. An exit status, with a complaint. */
int smtp_open(struct smtp *s, const struct request *r);
void smtp_close(struct smtp *s);
/* Sends a line and takes the reply; its code, 0 when the connection is gone. */
int smtp_say(struct smtp *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes a reply. */
int smtp_reply(struct smtp *s);

#endif
