/*
 * What cidr:, pcre: and regexp: have in common: rules in the order of the text, the first that
 * matches counts, "!" turns a pattern round, if ... endif guards the rules between.
 */
#ifndef TABLE_RULES_H
#define TABLE_RULES_H

#include "table/impl.h"

struct rule {
	unsigned line;
	bool negate;
	uint32_t behind; /* of an "if" (which has no value): the first rule behind its endif */
	struct str text, value;
	void *match; /* the compiled pattern */
};

struct rules {
	struct arena arena;
	struct rule *rule;
	uint32_t n, cap;
};

/* What the types differ in. */
struct rules_hooks {
	/*
	 * Cuts the pattern off the front of *rest, without the "!", and compiles it into r->match.
	 * -1 with a sentence in why.
	 */
	int (*compile)(struct rules *rs, struct rule *r, struct str *rest, char *why);
	/* Last check of a plain rule, its value is there. May be NULL. */
	int (*check)(struct rules *rs, struct rule *r, char *why);
	/* 1 = matches, 0 = does not, -1 = could not be decided, with why. */
	int (*match)(struct rules *rs, const struct rule *r, const void *subject, char *why);
};

enum { RULES_MAX = 10 * 1000 * 1000, RULES_IF_DEPTH = 100 };

/* -1 with "path:line: sentence" in why; the caller frees what compile() made, also then. */
int rules_load(struct rules *rs, const struct rules_hooks *hooks, const char *path, struct str text,
    char *why);
void rules_clear(struct rules *rs);

/* The first rule that matches, or NULL; with *failed the rule that could not be decided, and why.
 */
const struct rule *rules_find(struct rules *rs, const struct rules_hooks *hooks,
    const void *subject, const struct rule **failed, char *why);

int rules_each(struct rules *rs, table_each_fn *fn, void *arg);

#endif
