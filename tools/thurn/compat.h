/* The names and options of Postfix's tools, for scripts that know them. */
#ifndef THURN_COMPAT_H
#define THURN_COMPAT_H

struct compat {
	const char *name;
	int (*fn)(int argc, char **argv);
};

/* The tool of that name (a path is cut), or NULL. */
const struct compat *compat_find(const char *argv0);

/* compat_queue.c */
int compat_mailq(int argc, char **argv);
int compat_postqueue(int argc, char **argv);
int compat_postsuper(int argc, char **argv);
int compat_postcat(int argc, char **argv);

/* cmd_map.c; newaliases makes the tables that alias_maps names */
int compat_postmap(int argc, char **argv);
int compat_postalias(int argc, char **argv);
int compat_newaliases(int argc, char **argv);

#endif
