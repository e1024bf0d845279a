/*
 * The commands. A handler parses its arguments (p stands behind the name), does its work, and ends
 * with one reply_*(). Defined in the cmd_*.c files.
 */
#ifndef SESSION_COMMANDS_H
#define SESSION_COMMANDS_H

#include "session.h"

#define COMMAND(name) void name(struct session *s, struct parse *p)

COMMAND(cmd_append);
COMMAND(cmd_capability);
COMMAND(cmd_check);
COMMAND(cmd_close);
COMMAND(cmd_copy);
COMMAND(cmd_create);
COMMAND(cmd_delete);
COMMAND(cmd_enable);
COMMAND(cmd_examine);
COMMAND(cmd_expunge);
COMMAND(cmd_fetch);
COMMAND(cmd_id);
COMMAND(cmd_idle);
COMMAND(cmd_list);
COMMAND(cmd_logout);
COMMAND(cmd_lsub);
COMMAND(cmd_move);
COMMAND(cmd_namespace);
COMMAND(cmd_noop);
COMMAND(cmd_rename);
COMMAND(cmd_search);
COMMAND(cmd_select);
COMMAND(cmd_status);
COMMAND(cmd_store);
COMMAND(cmd_subscribe);
COMMAND(cmd_uid_expunge);
COMMAND(cmd_unselect);
COMMAND(cmd_unsubscribe);

#undef COMMAND

/* CONDSTORE has been used: MODSEQ is told from now on (RFC 7162 3.1). */
void enable_condstore(struct session *s);

#endif
