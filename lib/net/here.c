/* Addresses of this host. See here.h. */
#include "net/here.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int here_check(const struct ip *ip)
{
	struct sockaddr_storage ss;
	socklen_t n = ip_to_sockaddr(ip, 0, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd == -1)
		return errno;
	if (bind(fd, (struct sockaddr *)&ss, n) == -1)
		error = errno;
	close(fd);
	return error;
}
