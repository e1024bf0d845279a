/* One question to PAM, on a handle that was opened before confinement. */
#ifndef PAM_CONVERSATION_H
#define PAM_CONVERSATION_H

#include "base/str.h"
#include "proto/auth.h"

/*
 * Reads the stack of that service and loads its modules; what they need later must be within
 * pam_directory. confdir NULL = the system's. NULL, or what is wrong.
 */
const char *conversation_open(const char *service, const char *confdir);
/* Asks; may take as long as the modules do. Strings without NUL; why: PAM's words, or empty. */
enum auth_verdict conversation(
    struct str user, struct str client, struct str password, const char **why);

#endif
