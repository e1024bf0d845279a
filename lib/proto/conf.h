/*
 * The configuration as programs see it: checked, typed, immutable. Made by master/config from
 * the file and the table in settings.c, sent to each process with the settings of its role.
 *
 * Asking for a name that is not in settings.c, or with another type, or that this role may not
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

/* One row of the table in settings.c. */
struct setting {
	const char *name;
	const char *section; /* NULL = top level; "listener" */
	enum setting_type type;
	const char *def;     /* as in the file; a list is separated by blanks */
	int64_t min, max;    /* for numbers */
	const char *choices; /* SET_ENUM: "a|b|c" */
	uint32_t roles;      /* ROLE_BIT()s that may see it; tools see all */
	const char *help;
};

const struct setting *settings_table(size_t *n);
const struct setting *setting_find(const char *section, struct str name);
/* Checks and normalises one value. -1 with a sentence in why (256 bytes). */
int setting_check(const struct setting *s, struct str text, char why[256]);

struct conf;
struct conf_section;

struct str conf_str(const struct conf *c, const char *name); /* SET_STR, SET_ENUM */
bool conf_bool(const struct conf *c, const char *name);
int64_t conf_int(const struct conf *c, const char *name);
uint64_t conf_size(const struct conf *c, const char *name);
uint64_t conf_time(const struct conf *c, const char *name); /* milliseconds */
size_t conf_count(const struct conf *c, const char *name);  /* items of a SET_LIST */
struct str conf_item(const struct conf *c, const char *name, size_t i);
/* "thurn.conf:12", or "default". */
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

/* --- making one (master/config, tests) ------------------------------------------------------- */

struct conf *conf_new(void); /* all defaults */
/* Sets one value (checked already); section NULL = top level. A list takes one call per item. */
void conf_set(struct conf *c, struct conf_section *s, const char *name, struct str text,
    const char *file, unsigned line);
struct conf_section *conf_add_section(struct conf *c, const char *kind, struct str title,
    const char *file, unsigned line);
void conf_free(struct conf *c);

/* Only what `role` may see; ROLE_MASTER and ROLE_TOOL get everything. May exceed a packet: into b. */
int conf_encode(const struct conf *c, unsigned role, struct buf *b);
struct conf *conf_decode(struct str bytes); /* NULL if malformed */

#endif
