/*
 * All lines of a log that belong to one message or connection. A line names a trace id, a queue id, or
 * both, in either format; ids that stand on one line belong together.
 */
#ifndef THURN_LOGSEARCH_H
#define THURN_LOGSEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/id.h"
#include "base/str.h"

enum { SEARCH_IDS_MAX = 1024 };

struct search {
	struct str text; /* what was asked for; an id, or any text */
	char ids[SEARCH_IDS_MAX][ID_TEXT + 1];
	size_t nids, settled;
};

/*
 * Learns the ids of a line that holds what was asked for, or an id that was settled. All lines go
 * through it, then search_settle(); a second time when text was asked for, to go from a recipient over
 * its message to the connection.
 */
void search_learn(struct search *s, struct str line);
void search_settle(struct search *s);
/* Does the line belong to it? */
bool search_match(const struct search *s, struct str line);

#endif
