/*
 * Which messages are meant: "sender=*@example.com and age>1h and not (size>1M or status~timeout)".
 * thurn-queue(1) is the reference. Pure: time is an argument, and facts (facts.h) may be incomplete,
 * so that an answer can be "not known": then the message's file has to be read.
 */
#ifndef QUEUE_QUERY_H
#define QUEUE_QUERY_H

#include "facts.h"

enum {
	QUERY_TEXT_MAX = 1024,
	QUERY_STEPS_MAX = 128, /* comparisons and what joins them */
	QUERY_DEPTH_MAX = 16, /* brackets within brackets */
};

enum answer { ANSWER_NO, ANSWER_UNKNOWN, ANSWER_YES };

struct query_field;

enum query_kind { STEP_COMPARE, STEP_NOT, STEP_AND, STEP_OR };

/* In the order in which they are worked off, with a stack of answers. */
struct query_step {
	enum query_kind kind;
	const struct query_field *field;
	char op; /* '=' '~' '<' '>', 'l' (<=), 'g' (>=) */
	uint16_t at, n; /* the value, in text */
	uint64_t number;
};

struct query {
	char text[QUERY_TEXT_MAX]; /* values, unquoted */
	uint16_t used;
	uint16_t nsteps; /* 0 = all messages */
	struct query_step steps[QUERY_STEPS_MAX];
};

/* 0, or -1 with a sentence in why (256 bytes). */
int query_parse(struct query *q, struct str s, char why[256]);
enum answer query_ask(const struct query *q, const struct facts *f, int64_t now);

/* The name of a queue, as queries and lists have it. */
const char *query_state(uint8_t state);

#endif
