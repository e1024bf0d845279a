/*
 * How master starts a program and talks to it afterwards, over the control channel on the program's
 * descriptor 3; spawn does the same for a session. Links libc only. The program's side is proc.c.
 *
 * parent -> program, in this order:
 *	BOOT_BEGIN {struct boot} + configuration memfd (+ the directory that becomes its root)
 *	BOOT_FD {str name, str path, u32 DIR_* rights, 0 for what is no directory} + descriptor
 *	BOOT_LISTENER {u32 index of the "listener" section} + listening socket
 *	BOOT_PEER {u8 role, u16 instance} + channel; these come later too, when a peer is new
 *	BOOT_GO {}: open what has to be opened, confine yourself, start
 * program -> parent:
 *	BOOT_READY {u32 LAYER_* in force}, or BOOT_FATAL {str event, str why} and it exits
 * parent -> program, later:
 *	BOOT_RELOAD {boot.extra} + configuration memfd
 *	BOOT_RETIRE {}: another has taken over; take nothing new, finish what is there, end
 *	BOOT_DRAIN {}: the suite stops, nothing outlives it; end soon. Also behind a BOOT_RETIRE
 *	BOOT_STATUS {} + channel: send one packet {u8 role, u16 instance, str text} there
 * program -> parent, later:
 *	BOOT_LOST {u8 role, u16 instance}: the channel to that peer is down
 *
 * A program whose settings name files that it cannot open itself gets them opened, as often as it asks:
 *	program -> parent	BOOT_FILES {}
 *	parent -> program	BOOT_FD {"", str path, u32 errno} + descriptor, if errno is 0; for each of them
 *				BOOT_FILES_END {}
 * One that is to speak with the Unix sockets of others, which its settings name, gets connections made:
 *	program -> parent	BOOT_CONNECT {u32 token, str path}
 *	parent -> program	BOOT_CONNECTED {u32 token, u32 errno} + socket, if errno is 0
 */
#ifndef PROTO_BOOT_H
#define PROTO_BOOT_H

#include "base/ipc.h"
#include "base/sandbox.h"
#include "proto/role.h"

enum {
	BOOT_CONTROL_FD = 3,
	BOOT_NAME_MAX = 64,
	BOOT_PATH_MAX = 4096,
	BOOT_EXTRA_MAX = 48 * 1024,
	BOOT_TEXT_MAX = 1024,
};

enum { CONNECT_PORTS_MAX = 64 }; /* ports by TCP that the kernel lets one program reach */

/* What services/lookup is granted: in master's table, and when thurn starts one to ask it about a configuration. */
enum { LOOKUP_CALLS = CALLS_READ, LOOKUP_NOFILE = 1024 };

struct boot {
	uint8_t role;
	uint16_t instance;
	struct privilege privilege;
	struct str extra; /* what this role needs besides; see session_row and imapd/session */
};
void put_boot(struct put *w, const struct boot *b);
int get_boot(struct get *g, struct boot *b); /* borrows from the packet */

/*
 * What spawn must know to start sessions; its boot.extra, and again the body of its BOOT_RELOAD.
 * uid and gid are the account's. The configuration that spawn gets is that of ROLE_SESSION: it
 * hands it on without reading it.
 */
struct session_row {
	struct privilege privilege;
	struct str program; /* absolute path */
	uint32_t sessions_max, per_account_max;
};
void put_session_row(struct put *w, const struct session_row *r);
int get_session_row(struct get *g, struct session_row *r);

/*
 * Forks and executes program with an empty environment, descriptor 3 = its end of a new control
 * channel, standard input from null, and no other descriptor but standard output and error. Returns
 * the pid and sets *control (non-blocking, yours); -1 with errno.
 */
int boot_spawn(const char *program, const char *name, int *control);

/* Each sends one of the messages above: 0 or -1 with errno. Descriptors stay the caller's. */
int boot_begin(int control, const struct boot *b, int conf_fd, int root_fd);
int boot_fd(int control, const char *name, const char *path, uint32_t rights, int fd);
int boot_listener(int control, uint32_t section, int fd);
int boot_peer(int control, enum role role, unsigned instance, int fd);
int boot_note(int control, uint16_t type); /* without a body: BOOT_GO, BOOT_DRAIN, ... */
int boot_status(int control, int fd);
int boot_connected(int control, uint32_t token, uint32_t error, int fd);
int boot_reload(int control, struct str extra, int conf_fd);

/* The program's side of BOOT_LOST and BOOT_STATUS (which closes fd). */
void boot_lost(int control, enum role role, unsigned instance);
void boot_tell_status(int fd, enum role role, unsigned instance, struct str text);

#endif
