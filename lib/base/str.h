/*
 * struct str: borrowed bytes with a length, for anything that is read. Never NUL-terminated by
 * promise; the owner of the memory is named where the str is made.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct str {
	const char *p;
	size_t n;
};

/* For literals only. */
#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_NONE ((struct str){ "", 0 })
/* For printf("%.*s", STR_ARG(s)); callers keep lengths below INT_MAX. */
#define STR_ARG(s) (int)(s).n, (s).p

struct str str_of(const char *z); /* of a NUL-terminated string; NULL gives the empty str */
struct str str_bytes(const void *p, size_t n);

bool str_eq(struct str a, struct str b);
bool str_caseeq(struct str a, struct str b); /* ASCII case only */
int str_cmp(struct str a, struct str b); /* as memcmp, the shorter first */
int str_casecmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_casestarts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Index of the first (last) c, or -1. */
ssize_t str_find(struct str s, char c);
ssize_t str_rfind(struct str s, char c);
/* Index of the first occurrence of needle, or -1. */
ssize_t str_search(struct str s, struct str needle);

/* s without its first n bytes (all of them if it has fewer); the first n bytes of s. */
struct str str_skip(struct str s, size_t n);
struct str str_take(struct str s, size_t n);
struct str str_trim(struct str s); /* without blanks and tabs, CR and LF at both ends */

/*
 * Cuts *rest at the first sep: the part before goes to *head, *rest moves behind sep. Without a sep
 * all of *rest is the head. False when *rest is used up; set rest->p to NULL to stop early.
 */
bool str_cut(struct str *rest, char sep, struct str *head);
/* The next word between runs of blanks and tabs; false at the end. */
bool str_word(struct str *rest, struct str *word);

/* Decimal digits only, no sign, no blank; -1 if it is not all digits, empty, or above max. */
int str_u64(struct str s, uint64_t max, uint64_t *out);

/* NUL-terminated copy on the heap, yours; a NUL inside is kept and ends the C string early. */
char *str_dup(struct str s);
/* The same, with its length. */
struct str str_clone(struct str s);
/* Frees what str_clone() made, or what is zeroed; zeroes it. */
void str_free(struct str *s);
/* Copies into a buffer of size bytes with a NUL; -1 if it does not fit or holds a NUL. */
int str_copy(struct str s, char *out, size_t size);

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static inline bool ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_alpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

#endif
