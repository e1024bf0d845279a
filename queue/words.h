/*
 * What reports say to people, in the languages of the configuration (sections "report"). English
 * is built in; what a section leaves out is said in English.
 */
#ifndef QUEUE_WORDS_H
#define QUEUE_WORDS_H

#include "base/arena.h"
#include "base/str.h"
#include "proto/conf.h"

/* What a report is about; the order is that of enum dsn_kind. */
enum words_kind { WORDS_FAILURE, WORDS_DELAY, WORDS_SUCCESS, WORDS_POSTMASTER, WORDS_KINDS };

/* Why a recipient did not get it: the subject and detail of an enhanced code (RFC 3463). */
struct words_reason {
	struct str code; /* "1.1"; "2" stands for all of "2.x"; the more exact counts */
	struct str text;
};

struct words {
	struct str language; /* as in Content-Language: "de" */
	struct str subject[WORDS_KINDS];
	struct str opening[WORDS_KINDS]; /* paragraphs, with '\n' between */
	struct str closing;
	const struct words_reason *reasons;
	uint32_t nreasons;
	struct str senders; /* domains whose people read it, with blanks between */
};

/* The built-in words. */
const struct words *words_english(void);

/* Reads the languages of the configuration; those before are gone. */
void words_load(const struct conf *c);

/*
 * The words for a sender: those that name its domain, else those for the first language of the
 * message's Content-Language or Accept-Language that there are words for, else those of
 * `report_language`. `message` is the message, or its beginning. Valid until words_load().
 */
const struct words *words_for(struct str sender, struct str message);

/* The sentence for an enhanced code ("5.1.1"); empty when there is none. */
struct str words_reason(const struct words *w, struct str enhanced);

#endif
