/*
 * The configuration as programs see it: checked, typed, immutable. Made by master/config from
 * the file and the rows of settings_*.c, sent to each process with the settings of its role.
 *
 * Asking for a name that is not there, or with another type, or that this role may not
 * see, is a bug and aborts. Read settings once (at start and in reload) into variables of your own.
 */
#ifndef PROTO_CONF_H
#define PROTO_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum setting_type {
	SET_BOOL,
	SET_INT,
	SET_SIZE, /* bytes; written 10M, 4k */
	SET_TIME, /* milliseconds; written 300s, 5m, 4h, 5d, 200ms */
	SET_STR,
	SET_ENUM, /* a string out of setting.choices */
	SET_LIST, /* of strings */
};

/* What the text of a SET_STR, or an item of a SET_LIST, must look like. */
enum setting_form {
	FORM_ANY, /* printable text on one line */
	FORM_PATH, /* absolute, without "." and ".." */
	FORM_HOST, /* a host or domain name; may be empty where the default is */
	FORM_ADDRESS, /* numeric IPv4 or IPv6 */
	FORM_NETWORK, /* 192.0.2.0/24, 2001:db8::/32, or a single address */
	FORM_USER, /* name of a system user */
};

/* Who sets it. */
enum setting_origin {
	FROM_FILE,
	FROM_CONFIG, /* worked out by master/config; not to be set in the file (uid_smtpd) */
};

enum { CONF_SECTIONS_MAX = 1000 /* of all kinds together */ };
enum { SETTING_TEXT_MAX = 4096, SETTING_ITEMS_MAX = 4096, SETTING_WHY = 256 };

/* One row (settings.h). */
struct setting {
	const char *topic; /* heading in the manual page; NULL = as the row above */
	const char *name;
	const char *section; /* NULL = top level; "listener" */
	enum setting_type type;
	enum setting_form form;
	enum setting_origin origin;
	const char *def; /* as in the file; a list is separated by blanks; NULL = "" */
	int64_t min, max; /* for numbers, in the unit of the getter; max 0 = no limit */
	const char *choices; /* SET_ENUM: "a|b|c" */
	uint32_t roles; /* ROLE_BIT()s that may see it; master and tools see all */
	const char *help; /* sentences for the manual page; see settings.h for the mark-up */
};

/* The i-th of all rows, in the order of the manual page; NULL behind the last. */
const struct setting *setting_at(size_t i);
/* The other way round. */
size_t setting_index(const struct setting *s);
size_t setting_count(void);
/* NULL if there is none. section NULL = top level. */
const struct setting *setting_find(const char *section, struct str name);
/* Is there a setting with that section, that is: is it a kind of section? */
bool setting_section(struct str kind);
/* Checks one value (of a list: one item). -1 with a sentence in why (SETTING_WHY bytes). */
int setting_check(const struct setting *s, struct str text, char *why);
/* The number behind the text of a SET_BOOL, _INT, _SIZE (bytes) or _TIME (ms); -1 = malformed. */
int setting_number(enum setting_type type, struct str text, int64_t *out);

struct conf;
struct conf_section;

struct str conf_str(const struct conf *c, const char *name); /* SET_STR, SET_ENUM */
bool conf_bool(const struct conf *c, const char *name);
int64_t conf_int(const struct conf *c, const char *name);
uint64_t conf_size(const struct conf *c, const char *name);
uint64_t conf_time(const struct conf *c, const char *name); /* milliseconds */
size_t conf_count(const struct conf *c, const char *name); /* items of a SET_LIST */
struct str conf_item(const struct conf *c, const char *name, size_t i);
/* "thurn.conf:12", or "default"; borrowed from the conf. */
struct str conf_where(const struct conf *c, const char *name);

/* The i-th section of that kind, or NULL; its title; its settings. */
const struct conf_section *conf_section(const struct conf *c, const char *kind, size_t i);
struct str section_title(const struct conf_section *s);
struct str section_str(const struct conf_section *s, const char *name);
bool section_bool(const struct conf_section *s, const char *name);
int64_t section_int(const struct conf_section *s, const char *name);
uint64_t section_size(const struct conf_section *s, const char *name);
uint64_t section_time(const struct conf_section *s, const char *name);
size_t section_count(const struct conf_section *s, const char *name);
struct str section_item(const struct conf_section *s, const char *name, size_t i);
struct str section_where(const struct conf_section *s, const char *name);

/* For a program that cannot use a value: "thurn.conf:12: name: " and what is wrong, into why. -1. */
enum { CONF_WHY = 512 };
int conf_fault(const struct conf *c, const char *name, char why[CONF_WHY], const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* --- making one (master/config, tests) ------------------------------------------------------- */

struct conf *conf_new(void); /* all defaults */
/*
 * Sets one value, which setting_check() has passed; section NULL = top level. A list takes one call
 * per item (the first replaces the default), and none leaves the default; conf_clear() empties it.
 * Texts are copied.
 */
void conf_set(struct conf *c, struct conf_section *s, const char *name, struct str text,
    const char *file, unsigned line);
void conf_clear(
    struct conf *c, struct conf_section *s, const char *name, const char *file, unsigned line);
struct conf_section *conf_add_section(
    struct conf *c, const char *kind, struct str title, const char *file, unsigned line);
/* The i-th section of any kind in the order of the file, or NULL. */
struct conf_section *conf_section_to_set(struct conf *c, size_t i);
void conf_free(struct conf *c);

/*
 * Appends what `role` may see to b; ROLE_CONFIG and ROLE_TOOL see everything. May exceed
 * a packet. -1 when b is full.
 */
int conf_encode(const struct conf *c, unsigned role, struct buf *b);
/* Yours to conf_free(); NULL if malformed. Every value is checked again. */
struct conf *conf_decode(struct str bytes);

/* --- looking at everything (thurn config, the manual page) ----------------------------------- */

/* The value as it would stand in the file, appended to b; lists in braces. s NULL = top level. */
void conf_text(
    const struct conf *c, const struct conf_section *s, const struct setting *row, struct buf *b);
/* The same without quotes, each item on a line of its own. */
void conf_plain(
    const struct conf *c, const struct conf_section *s, const struct setting *row, struct buf *b);
/* Was it set, or is it the default? */
bool conf_is_set(const struct conf *c, const struct conf_section *s, const struct setting *row);
struct str conf_setting_where(
    const struct conf *c, const struct conf_section *s, const struct setting *row);
/* The i-th section of any kind in the order of the file, or NULL; its kind. */
const struct conf_section *conf_any_section(const struct conf *c, size_t i);
const char *section_kind(const struct conf_section *s);
struct str section_place(const struct conf_section *s); /* "thurn.conf:7": its first setting */

#endif
