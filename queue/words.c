/* What reports say. See words.h. */
#include "words.h"

#include <string.h>

#include "mail/header.h"

/* --- English ---------------------------------------------------------------------------------- */

#define REASON(code, text)                                                                         \
	{                                                                                          \
		STR(code), STR(text)                                                               \
	}

static const struct words_reason english_reasons[] = {
	REASON("1.1", "This address does not exist there."),
	REASON("1.2", "The part behind the @ is no domain that takes mail."),
	REASON("1.3", "The address is not written correctly."),
	REASON("1.6", "The person has moved, and left no new address."),
	REASON("1.10", "This domain takes no mail at all."),
	REASON("2.1", "The mailbox is closed."),
	REASON("2.2", "The mailbox is full. The person may be reached by other means."),
	REASON("2.3", "The message is too large for this mailbox."),
	REASON("2", "There is a problem with the mailbox."),
	REASON("3.4", "The message is too large for the receiving side."),
	REASON("3", "The receiving mail system has a problem."),
	REASON("4.1", "The receiving mail system does not answer."),
	REASON("4.6", "The message goes round in a circle: a forwarding points back to itself."),
	REASON("4.7", "It could not be delivered in the time that there is for it."),
	REASON("4", "The way to the receiving mail system has a problem."),
	REASON("6.7", "The receiving side cannot take internationalised addresses or headers."),
	REASON("6", "The receiving side cannot take a message of this kind."),
	REASON("7.1", "The receiving side does not want this message, or not from this sender."),
	REASON(
	    "7.4", "The connection between the two sides is not as secure as one of them demands."),
	REASON("7.5", "Certificates or signatures do not satisfy one of the two sides."),
	REASON("7.30",
	    "The message demands TLS for all of its way (REQUIRETLS), which the receiving side "
	    "does not promise."),
	REASON("7", "The receiving side refuses this message for reasons of security."),
};

static const struct words english = {
	.language = STR("en"),
	.subject = {
		[WORDS_FAILURE] = STR("Undelivered mail returned to sender"),
		[WORDS_DELAY] = STR("Delayed mail (still being tried)"),
		[WORDS_SUCCESS] = STR("Successful mail delivery report"),
		[WORDS_POSTMASTER] = STR("Postmaster: undeliverable report"),
	},
	.opening = {
		[WORDS_FAILURE] = STR("Your message could not be delivered to the recipients below. "
				      "What the receiving side said stands beneath each of them."),
		[WORDS_DELAY] = STR("Your message could not yet be delivered to the recipients below. "
				    "You need not send it again: delivery goes on being tried.\n"
				    "It will be given up and returned to you after $until."),
		[WORDS_SUCCESS] = STR("Your message was delivered as you asked to be told."),
		[WORDS_POSTMASTER] = STR("A report about a message could not be delivered either, so "
					 "it comes to you. Nobody else has been told."),
	},
	.closing = STR("The message was accepted at $host on $arrival with the queue id $id."),
	.reasons = english_reasons,
	.nreasons = sizeof english_reasons / sizeof *english_reasons,
};

const struct words *words_english(void)
{
	return &english;
}

/* --- the configuration ------------------------------------------------------------------------ */

enum { LANGUAGES_MAX = 100, TEXT_MAX = 64 * 1024 };

static const char *const kinds[] = {
	[WORDS_FAILURE] = "failure",
	[WORDS_DELAY] = "delay",
	[WORDS_SUCCESS] = "success",
	[WORDS_POSTMASTER] = "postmaster",
};

static struct arena arena;
static struct words *languages;
static uint32_t nlanguages;
static const struct words *fallback = &english;

/* "failure_text" and the like. */
static const char *row_name(const char *kind, const char *what)
{
	return arena_printf(&arena, "%s_%s", kind, what).p;
}

/* The items with a separator between; `other` when there are none. */
static struct str join(const struct conf_section *s, const char *name, char sep, struct str other)
{
	struct str out;
	struct buf b;

	if (section_count(s, name) == 0)
		return other;
	buf_init(&b, TEXT_MAX);
	for (size_t i = 0; i < section_count(s, name); i++) {
		if (i > 0)
			buf_char(&b, sep);
		buf_str(&b, section_item(s, name, i));
	}
	out = arena_str(&arena, buf_view(&b));
	buf_clear(&b);
	return out;
}

/* The section's own before those in English: the first that fits counts. */
static void load_reasons(struct words *w, const struct conf_section *s)
{
	size_t n = section_count(s, "reasons");
	struct words_reason *r = arena_array(&arena, n, sizeof *r);

	for (size_t i = 0; i < n; i++) {
		struct str rest = section_item(s, "reasons", i), code = STR_NONE;

		str_word(&rest, &code);
		r[i].code = arena_str(&arena, code);
		r[i].text = arena_str(&arena, str_trim(rest));
	}
	w->reasons = r;
	w->nreasons = (uint32_t)n;
}

static void load_language(struct words *w, const struct conf_section *s)
{
	w->language = arena_str(&arena, section_title(s));
	w->senders = join(s, "senders", ' ', STR_NONE);
	for (unsigned k = 0; k < WORDS_KINDS; k++) {
		struct str subject = section_str(s, row_name(kinds[k], "subject"));

		w->subject[k] = subject.n > 0 ? arena_str(&arena, subject) : english.subject[k];
		w->opening[k] = join(s, row_name(kinds[k], "text"), '\n', english.opening[k]);
	}
	w->closing = join(s, "closing_text", '\n', english.closing);
	load_reasons(w, s);
}

static const struct words *by_language(struct str tag)
{
	for (uint32_t i = 0; i < nlanguages; i++)
		if (str_caseeq(languages[i].language, tag))
			return &languages[i];
	return str_caseeq(tag, english.language) ? &english : NULL;
}

void words_load(const struct conf *c)
{
	const struct conf_section *s;

	arena_clear(&arena);
	arena_init(&arena);
	languages = arena_array(&arena, LANGUAGES_MAX, sizeof *languages);
	nlanguages = 0;
	while (nlanguages < LANGUAGES_MAX && (s = conf_section(c, "report", nlanguages)) != NULL)
		load_language(&languages[nlanguages++], s);
	fallback = by_language(conf_str(c, "report_language"));
	if (fallback == NULL)
		fallback = &english;
}

/* --- choosing --------------------------------------------------------------------------------- */

static const struct words *by_sender(struct str sender)
{
	struct str domain = str_skip(sender, (size_t)(str_rfind(sender, '@') + 1));

	for (uint32_t i = 0; i < nlanguages; i++) {
		struct str rest = languages[i].senders, word;

		while (str_word(&rest, &word))
			if (str_caseeq(word, domain))
				return &languages[i];
	}
	return NULL;
}

/* "de-CH" is spoken to in "de-CH", or else in "de" (RFC 4647 3.4). */
static const struct words *by_tag(struct str tag)
{
	const struct words *w = NULL;

	while (tag.n > 0 && (w = by_language(tag)) == NULL) {
		ssize_t dash = str_rfind(tag, '-');

		tag = str_take(tag, dash > 0 ? (size_t)dash : 0);
	}
	return w;
}

/* A list of language tags (RFC 3282); parameters and comments are no tags of ours. */
static const struct words *by_list(struct str list)
{
	const struct words *w = NULL;
	struct str tag;

	while (w == NULL && str_cut(&list, ',', &tag)) {
		struct str bare;

		if (str_cut(&tag, ';', &bare))
			w = by_tag(str_trim(bare));
	}
	return w;
}

static const struct words *by_message(struct str message)
{
	const struct words *w = NULL;
	struct header_scan h;
	enum header_piece p;
	bool wanted = false;

	header_start(&h);
	while (
	    w == NULL && ((p = header_next(&h, &message)) == HEADER_FIELD || p == HEADER_VALUE)) {
		if (p == HEADER_VALUE && wanted)
			w = by_list(h.piece);
		else if (p == HEADER_FIELD)
			wanted = str_caseeq(h.name, STR("Content-Language")) ||
				 str_caseeq(h.name, STR("Accept-Language"));
	}
	return w;
}

const struct words *words_for(struct str sender, struct str message)
{
	const struct words *w = by_sender(sender);

	if (w == NULL && nlanguages > 0)
		w = by_message(message);
	return w != NULL ? w : fallback;
}

/* --- reasons ---------------------------------------------------------------------------------- */

static struct str find_reason(const struct words *w, struct str code)
{
	for (uint32_t i = 0; i < w->nreasons; i++)
		if (str_eq(w->reasons[i].code, code))
			return w->reasons[i].text;
	return STR_NONE;
}

struct str words_reason(const struct words *w, struct str enhanced)
{
	/* without the class: whether it is for good is said by what the report is about */
	struct str code = str_skip(enhanced, (size_t)(str_find(enhanced, '.') + 1)), text;
	ssize_t dot = str_find(code, '.');

	text = find_reason(w, code);
	if (text.n == 0 && dot > 0)
		text = find_reason(w, str_take(code, (size_t)dot));
	return text.n > 0 || w == &english ? text : words_reason(&english, enhanced);
}
