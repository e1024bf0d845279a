/* Packets between processes. See ipc.h. */
#include "base/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- fields ---------------------------------------------------------------------------------- */

struct put put_into(void *space, size_t cap)
{
	return (struct put){ .p = space, .cap = cap };
}

struct put put_start(void)
{
	static _Thread_local uint8_t space[IPC_BODY_MAX];

	return put_into(space, sizeof space);
}

static uint8_t *put_room(struct put *w, size_t n)
{
	uint8_t *p = w->p + w->n;

	if (w->bad || n > w->cap - w->n) {
		w->bad = true;
		return NULL;
	}
	w->n += n;
	return p;
}

static void put_number(struct put *w, uint64_t v, size_t bytes)
{
	uint8_t *p = put_room(w, bytes);

	for (size_t i = 0; p != NULL && i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void put_u8(struct put *w, uint8_t v)
{
	put_number(w, v, 1);
}

void put_u16(struct put *w, uint16_t v)
{
	put_number(w, v, 2);
}

void put_u32(struct put *w, uint32_t v)
{
	put_number(w, v, 4);
}

void put_u64(struct put *w, uint64_t v)
{
	put_number(w, v, 8);
}

void put_str(struct put *w, struct str s)
{
	uint8_t *p;

	if (s.n > w->cap) {
		w->bad = true;
		return;
	}
	put_u32(w, (uint32_t)s.n);
	p = put_room(w, s.n);
	if (p != NULL && s.n > 0)
		memcpy(p, s.p, s.n);
}

void put_z(struct put *w, const char *z)
{
	put_str(w, str_of(z));
}

struct get get_start(struct str body)
{
	const uint8_t *p = (const uint8_t *)body.p;

	return (struct get){ .p = p, .end = body.n > 0 ? p + body.n : p };
}

static uint64_t get_number(struct get *g, size_t bytes)
{
	uint64_t v = 0;

	if (g->bad || (size_t)(g->end - g->p) < bytes) {
		g->bad = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		v |= (uint64_t)g->p[i] << (8 * i);
	g->p += bytes;
	return v;
}

uint8_t get_u8(struct get *g)
{
	return (uint8_t)get_number(g, 1);
}

uint16_t get_u16(struct get *g)
{
	return (uint16_t)get_number(g, 2);
}

uint32_t get_u32(struct get *g)
{
	return (uint32_t)get_number(g, 4);
}

uint64_t get_u64(struct get *g)
{
	return get_number(g, 8);
}

bool get_bool(struct get *g)
{
	uint8_t v = get_u8(g);

	if (v > 1)
		g->bad = true;
	return v == 1;
}

struct str get_str(struct get *g, size_t max)
{
	size_t n = get_u32(g);
	struct str s = STR_NONE;

	if (g->bad || n > max || n > (size_t)(g->end - g->p)) {
		g->bad = true;
		return s;
	}
	if (n > 0)
		s = str_bytes(g->p, n);
	g->p += n;
	return s;
}

struct str get_line(struct get *g, size_t max)
{
	struct str s = get_str(g, max);

	if (str_find(s, '\0') != -1 || str_find(s, '\r') != -1 || str_find(s, '\n') != -1) {
		g->bad = true;
		return STR_NONE;
	}
	return s;
}

int get_ok(const struct get *g)
{
	return g->bad ? -1 : 0;
}

int get_end(const struct get *g)
{
	return g->bad || g->p != g->end ? -1 : 0;
}

/* --- packets --------------------------------------------------------------------------------- */

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(IPC_FDS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

int ipc_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

int ipc_want_pid(int fd)
{
	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int));
}

int ipc_send(int fd, const struct ipc_msg *m)
{
	uint8_t header[IPC_HEADER];
	struct put w = put_into(header, sizeof header);
	struct iovec iov[2] = {
		{ header, sizeof header },
		{ (void *)(uintptr_t)m->body.p, m->body.n },
	};
	union control control;
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = m->body.n > 0 ? 2 : 1 };

	if (m->body.n > IPC_BODY_MAX || m->nfds > IPC_FDS_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	put_u8(&w, IPC_VERSION);
	put_u8(&w, m->flags);
	put_u16(&w, m->type);
	put_u32(&w, m->id);
	put_u32(&w, m->gen);
	put_u32(&w, (uint32_t)m->body.n);
	put_u32(&w, m->nfds);
	if (m->nfds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof control);
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(m->nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->nfds * sizeof(int));
		memcpy(CMSG_DATA(c), m->fds, m->nfds * sizeof(int));
	}
	for (;;) {
		if (sendmsg(fd, &mh, MSG_NOSIGNAL) != -1)
			return 0;
		if (errno != EINTR)
			return -1;
	}
}

static void collect_fds(const struct cmsghdr *c, struct ipc_msg *m)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
		if (m->nfds < IPC_FDS_MAX)
			m->fds[m->nfds++] = fd;
		else
			close(fd);
	}
}

static void collect_control(struct msghdr *mh, struct ipc_msg *m)
{
	struct ucred who;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS) {
			collect_fds(c, m);
		} else if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof who)) {
			memcpy(&who, CMSG_DATA(c), sizeof who);
			m->pid = who.pid;
		}
	}
}

static int decode_header(struct ipc_msg *m, struct str packet)
{
	struct get g = get_start(packet);
	uint32_t len, nfds;
	uint8_t version = get_u8(&g);

	m->flags = get_u8(&g);
	m->type = get_u16(&g);
	m->id = get_u32(&g);
	m->gen = get_u32(&g);
	len = get_u32(&g);
	nfds = get_u32(&g);
	if (get_ok(&g) == -1 || version != IPC_VERSION || len != packet.n - IPC_HEADER ||
	    nfds != m->nfds)
		return -1;
	m->body = str_skip(packet, IPC_HEADER);
	return 0;
}

int ipc_recv(int fd, struct ipc_msg *m, void *space)
{
	struct iovec iov = { space, IPC_PACKET_MAX };
	union control control;
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof control.space,
	};
	ssize_t n;

	m->nfds = 0;
	m->pid = 0;
	do {
		n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == ECONNRESET ? 0 : -1;
	collect_control(&mh, m);
	if (n == 0 && m->nfds == 0)
		return 0;
	if ((mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    decode_header(m, str_bytes(space, (size_t)n)) == -1) {
		ipc_close_fds(m);
		errno = EBADMSG;
		return -1;
	}
	return 1;
}

int ipc_take_fd(struct ipc_msg *m, unsigned i)
{
	int fd;

	if (i >= m->nfds)
		return -1;
	fd = m->fds[i];
	m->fds[i] = -1;
	return fd;
}

void ipc_close_fds(struct ipc_msg *m)
{
	for (unsigned i = 0; i < m->nfds; i++)
		if (m->fds[i] != -1)
			close(m->fds[i]);
	m->nfds = 0;
}

void ipc_wipe(struct ipc_msg *m)
{
	explicit_bzero((void *)(uintptr_t)m->body.p, m->body.n);
}
