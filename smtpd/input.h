/* What arrives, by state; session.c calls these with what has been read. */
#ifndef SMTPD_INPUT_H
#define SMTPD_INPUT_H

#include "session.h"

/* Each takes from *in as much as it can use; nothing taken = more is needed. */
void command_input(struct session *s, struct str *in); /* command.c */
void login_input(struct session *s, struct str *in); /* login.c */
void data_input(struct session *s, struct str *in); /* cmd_data.c */
void chunk_input(struct session *s, struct str *in);
void proxy_input(struct session *s, struct str *in); /* welcome.c */

#endif
