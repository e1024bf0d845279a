/*
 * One connection before authentication (client.c), what it may say (commands.c), its login (exchange.c),
 * and how its session gets it (handover.c).
 */
#ifndef LOGIN_CLIENT_H
#define LOGIN_CLIENT_H

#include <sys/queue.h>

#include "base/chan.h"
#include "base/log.h"
#include "net/conn.h"
#include "net/ip.h"
#include "parse.h"
#include "proto/secure.h"
#include "relay.h"
#include "proto/sasl.h"
#include "waiting.h"

enum {
	INPUT_MAX = 16 * 1024, /* read ahead: a command and what is pipelined behind it */
	OUTPUT_MAX = 16 * 1024,
	OUTPUT_ENOUGH = 8 * 1024, /* pipelined commands wait while so much is not taken */
	BAD_MAX = 10, /* BAD and failed logins; then BYE */
};

/* The settings in force. */
struct login_settings {
	bool plaintext; /* passwords may come over any connection */
	uint64_t timeout; /* ms until the login has to be complete */
	uint64_t failure_delay; /* ms from the command to the answer that it failed */
};
extern struct login_settings login_settings;

enum client_state {
	CLIENT_COMMAND, /* waits for a command */
	CLIENT_SASL, /* waits for the client's answer to "+" */
	CLIENT_CHECKING, /* sasl is asked */
	CLIENT_FAILING, /* holds the answer back */
	CLIENT_HANDING, /* spawn is asked */
	CLIENT_LEAVING, /* the session has it */
	CLIENT_RELAYED, /* the session has the other end of relay */
	CLIENT_ENDING, /* the last output is on its way */
};

struct client {
	struct conn conn; /* first */
	LIST_ENTRY(client) next;
	struct tag trace; /* names its SASL exchange as well */
	char address[IP_TEXT]; /* the client's */
	uint8_t state; /* enum client_state */
	uint8_t bad;
	bool private; /* a password may be said: encrypted, from this host, or the setting allows it
		       */
	struct scan scan;
	struct ask ask;
	struct timer delay;
	uint64_t asked; /* when the login command came */
	bool proved; /* the client has heard the mechanism's last word, and is to say nothing */
	struct secure *secure; /* of its listener */
	struct waiting *waiting; /* until it has logged in; NULL = not counted */
	struct relay *relay; /* under TLS, after login */
	int inner, session_end; /* of a socket pair, while it is offered to spawn; else -1 */
	uint8_t nonce[NONCE_BYTES];
	char tag[IMAP_TAG_MAX + 1]; /* of the login command */
};

/* The mechanisms to offer from now on. */
void clients_offer(const struct sasl_names *s);
/*
 * Takes *fd, greets; under TLS from the first byte where secure, the listener's, says so. waiting is
 * what waiting_begin() gave.
 */
void client_new(int *fd, const struct ip *ip, struct secure *secure, struct waiting *waiting);
unsigned clients_count(void);
/* *idle is called when none is left: neither one before its login nor one whose session is relayed. */
void clients_retire(void (*idle)(void));
/* The suite ends: says BYE to all that are not about to get their session, and ends what is relayed. */
void clients_end(void);

/* --- for commands.c -------------------------------------------------------------------------- */

/* Tagged answers; code_text: "BAD sentence", "NO [CODE] sentence". A BAD or NO counts. */
void client_answer(struct client *c, struct str tag, const char *code_text);
void client_refuse(struct client *c, struct str tag, const char *code_text);
/* Untagged BYE, and the end. */
void client_bye(struct client *c, const char *text);
/* Whether STARTTLS can be said now; begins it, behind the answer that has been written. */
bool client_offers_tls(const struct client *c);
void client_start_tls(struct client *c);
/* What is offered now, as the text of CAPABILITY; until the next call. */
const char *client_capabilities(const struct client *c);

/* --- for exchange.c, handover.c -------------------------------------------------------------- */

/* Back to commands after a login that came to nothing: answers as client_refuse(). */
void client_resume(struct client *c, const char *code_text);
void client_free(struct client *c);

/* --- exchange.c ------------------------------------------------------------------------------ */

/*
 * Begins a SASL exchange (borrowed strings; initial may be NULL): input rests until sasl has answered.
 * LOGIN is one of mechanism PLAIN.
 */
void exchange_begin(
    struct client *c, struct str tag, struct str mechanism, const struct str *initial);
/* The client's message after "+", or NULL: it gives up. */
void exchange_message(struct client *c, const struct str *message);
/* A login that cannot be right: fails like any other. */
void exchange_fails(struct client *c, struct str tag);
/* What is under way, if anything, is over for sasl, too. */
void exchange_cancel(struct client *c);

/* --- handover.c ------------------------------------------------------------------------------ */

/* Everything that was written is with the client: the session writes next. */
void handover_begin(struct client *c);
/* Closes what was to be the session's. */
void handover_clear(struct client *c);

/* --- commands.c ------------------------------------------------------------------------------ */

/* A whole command. */
void command_run(struct client *c, struct str whole);

#endif
