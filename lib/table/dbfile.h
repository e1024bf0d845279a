/*
 * A table in a file that was built for it, whatever its format: opening and closing, the NUL that
 * may end its keys and values, its answers and its list. bdb.c and lmdb.c are the formats.
 */
#ifndef TABLE_DBFILE_H
#define TABLE_DBFILE_H

#include "table/impl.h"
#include "table/pages.h"

struct dbfile;

/* One list of all entries on its way. */
struct db_listing {
	struct dbfile *file;
	struct arena arena; /* of one entry */
	table_each_fn *fn;
	void *arg;
};

struct db_format {
	size_t size; /* of what stands for a file of this format; begins with its struct dbfile */
	/* Reads what the file says of itself and calls pages_init(). -1 with why. */
	int (*open)(struct dbfile *f, int fd, char *why);
	/* The value of a key as it is stored: 1, 0 = there is none, -1 with f->pages.why. */
	int (*find)(struct dbfile *f, struct str key, struct arena *a, struct str *value);
	/* db_list() for each entry until it returns other than 0, which is returned; -1 as find().
	 */
	int (*each)(struct dbfile *f, struct db_listing *l);
};

/* The first member of every open file. */
struct dbfile {
	const struct db_format *format;
	struct pages pages;
	bool ends_nul; /* keys carry a NUL at the end */
};

/* A fault of the file: -1. */
int db_bad(struct dbfile *f, const char *what);
/* Tells of one entry as it is stored. */
int db_list(struct db_listing *l, struct str key, struct str value);

/* For the rows of table types. */
void *db_load(struct table *t, int fd, const struct db_format *format, char *why);
void db_unload(void *content);
enum table_result db_lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out);
int db_each(struct table *t, table_each_fn *fn, void *arg, char *why);

#endif
