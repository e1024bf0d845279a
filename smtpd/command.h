/* Commands: one row per verb, one function per row. arg is what follows the verb, without blanks. */
#ifndef SMTPD_COMMAND_H
#define SMTPD_COMMAND_H

#include "session.h"

/* cmd_session.c */
void cmd_helo(struct session *s, struct str arg);
void cmd_ehlo(struct session *s, struct str arg);
void cmd_rset(struct session *s, struct str arg);
void cmd_noop(struct session *s, struct str arg);
void cmd_vrfy(struct session *s, struct str arg);
void cmd_expn(struct session *s, struct str arg);
void cmd_help(struct session *s, struct str arg);
void cmd_quit(struct session *s, struct str arg);
void cmd_xclient(struct session *s, struct str arg);
void cmd_starttls(struct session *s, struct str arg);
/* login.c */
void cmd_auth(struct session *s, struct str arg);
/* cmd_mail.c */
void cmd_mail(struct session *s, struct str arg);
void cmd_rcpt(struct session *s, struct str arg);
/* cmd_data.c */
void cmd_data(struct session *s, struct str arg);
void cmd_bdat(struct session *s, struct str arg);

/* commit.c: the whole message is there; COMMIT, and the reply when the queue has answered. */
void commit(struct session *s);
/* The reply to a message, for all its recipients. */
void message_reply(struct session *s, const struct status *st);

#endif
