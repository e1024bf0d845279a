/*
 * What the parts of spawn share: the loop's sources (main.c), the peers (peers.c), the sessions
 * (session.c). Links libc only: nobody else of the suite becomes a user.
 */
#ifndef SPAWN_SPAWN_H
#define SPAWN_SPAWN_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/ipc.h"
#include "home.h"
#include "join.h"
#include "mail/status.h"
#include "proto/boot.h"

/* A descriptor that the loop waits for. */
struct source {
	int fd; /* -1 = none */
	void (*ready)(struct source *s);
};
int source_add(struct source *s);
void source_close(struct source *s);

struct spawn {
	int mail_fd; /* the mail directory */
	int conf_fd; /* configuration of sessions, never read here */
	struct session_row row; /* how a session is started */
	struct owners owners;
	bool draining;
};
extern struct spawn spawn;

uint64_t now_ms(void);

/* --- peers.c --------------------------------------------------------------------------------- */

struct peer {
	struct source source; /* first */
	enum role role;
	unsigned instance;
	LIST_ENTRY(peer) next;
};

/* Takes fd: a channel to that process. It is served once peers_start() has been called. */
void peer_add(enum role role, unsigned instance, int fd);
void peers_start(void);
/* The channel to (that instance of) that role, or NULL. */
struct peer *peer_find(enum role role);
struct peer *peer_find_nth(enum role role, unsigned instance);
/* Answers request id, gen; a peer that does not take its answers is dropped. */
void peer_answer(struct peer *p, uint16_t type, uint32_t id, uint32_t gen, const struct status *st);
/* Is a grant or a handover waiting for its other half? Refuses what has waited too long. */
bool peers_waiting(void);
void peers_expire(void);

/* --- session.c ------------------------------------------------------------------------------- */

/*
 * Starts the session of a pair, whose descriptor and memory stay the caller's. 0: login is
 * answered when the session is ready; -1: *st says why there is none.
 */
int session_start(const struct pair *p, struct status *st);
/* A new process of that role: every session gets a channel to it. */
void sessions_connect(enum role role);
/* That login process is gone: nobody waits for its answers. */
void sessions_forget(unsigned login_instance);
/* Is one not ready yet, or told to end? Kills those that have taken too long over either. */
bool sessions_watched(void);
void sessions_expire(void);
void sessions_reap(void);
void sessions_drain(void);
/* The account may not have what it has any more: its sessions are told to end, and have to. */
void sessions_end(struct str home);
unsigned sessions_count(void);

#endif
