/*
 * Packets between processes: a SOCK_SEQPACKET socketpair per pair of processes, a fixed header,
 * a little-endian body of put/get fields, and up to IPC_FDS_MAX descriptors. Links libc only:
 * master and spawn use this layer with poll(); everyone else uses chan.h on top of it.
 *
 * Both ends treat the other as hostile: whatever does not decode is EBADMSG, never a crash.
 */
#ifndef BASE_IPC_H
#define BASE_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum {
	IPC_VERSION = 1,
	IPC_HEADER = 20, /* bytes on the wire */
	IPC_BODY_MAX = 64 * 1024, /* larger content travels as a descriptor */
	IPC_PACKET_MAX = IPC_HEADER + IPC_BODY_MAX,
	IPC_FDS_MAX = 16,
};

/* flags */
enum {
	IPC_REPLY = 1, /* this packet answers the request with the same id and generation */
	IPC_MORE = 2, /* and another one follows: the answer does not fit into one */
};

struct ipc_msg {
	uint16_t type; /* enum ipc_type of proto/types.h */
	uint8_t flags;
	uint32_t id, gen; /* names the request it belongs to; 0 for a notice */
	struct str body; /* borrowed from the caller's space */
	int fds[IPC_FDS_MAX];
	unsigned nfds;
	int32_t pid; /* received: the sender's, said by the kernel, where ipc_want_pid(); else 0 */
};

/* A connected pair, close-on-exec, non-blocking. */
int ipc_pair(int fds[2]);
/* What arrives at this end from now on names its sender's process. -1 with errno. */
int ipc_want_pid(int fd);

/*
 * Sends one packet. 0, or -1 with errno: EAGAIN (peer's buffer is full), EPIPE (gone), EMSGSIZE.
 * The descriptors stay the caller's.
 */
int ipc_send(int fd, const struct ipc_msg *m);

/*
 * Receives one packet into space (IPC_PACKET_MAX bytes). 1 = a message, its descriptors are yours;
 * 0 = the peer has closed; -1 with errno: EAGAIN, EBADMSG (malformed; its descriptors are closed).
 */
int ipc_recv(int fd, struct ipc_msg *m, void *space);

/* Takes descriptor i out of the message (-1 if there is none); closes those nobody took. */
int ipc_take_fd(struct ipc_msg *m, unsigned i);
void ipc_close_fds(struct ipc_msg *m);
/* Overwrites a received body that held a secret; nothing borrowed from it may be used any more. */
void ipc_wipe(struct ipc_msg *m);

/* --- building a body ------------------------------------------------------------------------- */

struct put {
	uint8_t *p;
	size_t n, cap;
	bool bad; /* something did not fit: the message must not be sent */
};

/* Begins a message in this thread's own IPC_BODY_MAX bytes: one message at a time per thread. */
struct put put_start(void);
struct put put_into(void *space, size_t cap);
void put_u8(struct put *w, uint8_t v);
void put_u16(struct put *w, uint16_t v);
void put_u32(struct put *w, uint32_t v);
void put_u64(struct put *w, uint64_t v);
static inline void put_i64(struct put *w, int64_t v)
{
	put_u64(w, (uint64_t)v);
}
void put_str(struct put *w, struct str s); /* u32 length and the bytes */
void put_z(struct put *w, const char *z);
static inline struct str put_view(const struct put *w)
{
	return (struct str){ (const char *)w->p, w->n };
}

/* --- reading a body -------------------------------------------------------------------------- */

struct get {
	const uint8_t *p, *end;
	bool bad; /* sticky: everything read after a fault is 0 or empty */
};

struct get get_start(struct str body);
uint8_t get_u8(struct get *g);
uint16_t get_u16(struct get *g);
uint32_t get_u32(struct get *g);
uint64_t get_u64(struct get *g);
static inline int64_t get_i64(struct get *g)
{
	return (int64_t)get_u64(g);
}
bool get_bool(struct get *g); /* a byte that must be 0 or 1 */
/* Borrowed from the packet; longer than max is a fault. */
struct str get_str(struct get *g, size_t max);
/* The same, where a NUL, CR or LF inside is a fault too: for everything that ends up in a line. */
struct str get_line(struct get *g, size_t max);
/* 0 if all was well so far; get_end() also wants nothing left over. */
int get_ok(const struct get *g);
int get_end(const struct get *g);

#endif
