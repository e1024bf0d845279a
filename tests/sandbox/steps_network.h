/* Steps at the network and at sockets of others. 0 or more = it worked. */
#ifndef PROBE_STEPS_NETWORK_H
#define PROBE_STEPS_NETWORK_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_alg.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "targets.h"

static long socket_of(int domain, int type, int protocol)
{
	return socket(domain, type, protocol);
}
static long socket_tcp(void)
{
	return socket_of(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
static long socket_tcp6(void)
{
	return socket_of(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
static long socket_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
}
static long socket_unix(void)
{
	return socket_of(AF_UNIX, SOCK_STREAM, 0);
}
static long socket_netlink(void)
{
	return socket_of(AF_NETLINK, SOCK_RAW, 0);
}
static long socket_packet(void)
{
	return socket_of(AF_PACKET, SOCK_RAW, 0);
}
static long socket_raw(void)
{
	return socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
static long socket_alg(void)
{
	return socket_of(AF_ALG, SOCK_SEQPACKET, 0);
}
static long socket_vsock(void)
{
	return socket_of(AF_VSOCK, SOCK_STREAM, 0);
}
/* In the only form that the role is granted, if any. */
static int tcp_socket(void)
{
	if ((role_calls & CALLS_DNS) != 0)
		return socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
static long socket_tcp_dns(void)
{
	return socket_of(AF_INET, SOCK_STREAM, IPPROTO_TCP);
}
static long connected_udp(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return connect(fd, (struct sockaddr *)&to, sizeof to) == -1 ? -1 : send(fd, "x", 1, 0);
}
static long send_udp_dns(void)
{
	return connected_udp(53);
}
static long send_udp_elsewhere(void)
{
	return connected_udp(9);
}
static long socket_udplite(void)
{
	return socket_of(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
}
static long socket_ping(void)
{
	return socket_of(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
}
static long connect_tcp(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(tcp_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return connect(tcp_socket(), (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS
		   ? 0
		   : -1;
}
/* A connection that is made by sending. */
static long connect_fastopen(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(tcp_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iovec iov = { "x", 1 };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1
	};

	return sendmsg(tcp_socket(), &m, MSG_FASTOPEN) != -1 || errno == EINPROGRESS ? 0 : -1;
}
static long socket_mptcp(void)
{
	return socket_of(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_MPTCP);
}
static long socket_sctp(void)
{
	return socket_of(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_SCTP);
}
static long bind_to(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return bind(tcp_socket(), (struct sockaddr *)&to, sizeof to);
}
static long bind_tcp(void)
{
	return bind_to(50025);
}
/* The address of a connection that is to be made. */
static long bind_source(void)
{
	return bind_to(0);
}
static long listen_unbound(void)
{
	return listen(tcp_socket(), 1);
}
static long connect_unix(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memcpy(to.sun_path, victim_sock, strlen(victim_sock) + 1);
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to);
}
static long connect_abstract(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = strlen(abstract_name);

	memcpy(to.sun_path + 1, abstract_name, n);
	return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n));
}

#endif
