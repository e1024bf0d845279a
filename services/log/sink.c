/* Where the lines go. See sink.h. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/loop.h"

enum {
	WAITING_MAX = 4 * 1024 * 1024,
	RETRY_MS = 100,
	LOOK_MS = 1000, /* how often to look whether the file has been renamed or removed */
	PIPE_PIECE = 4096, /* a pipe that is ready takes as much (PIPE_BUF) without blocking */
	DATAGRAM_MAX = 8192,
};

static struct {
	enum sink_target target;
	int fd; /* -1 = not open (yet) */
	int dir;
	bool plain; /* standard output is a file: never blocks */
	struct buf waiting;
	uint64_t lost;
	uint64_t looked;
	struct stat st; /* of the open file */
	struct timer retry;
} sink = { .fd = -1, .dir = -1 };

/* --- opening --------------------------------------------------------------------------------- */

static int open_syslog(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (str_copy(str_of(path), sun.sun_path, sizeof sun.sun_path) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	sink.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sink.fd == -1)
		return -1;
	if (connect(sink.fd, (struct sockaddr *)&sun, sizeof sun) == 0)
		return 0;
	close(sink.fd);
	sink.fd = -1;
	return -1;
}

int sink_open(enum sink_target target, int dir, const char *socket)
{
	struct stat st;

	sink.target = target;
	sink.dir = dir;
	buf_init(&sink.waiting, WAITING_MAX);
	if (target == SINK_SYSLOG)
		return open_syslog(socket);
	if (target == SINK_STDOUT) {
		sink.fd = STDOUT_FILENO;
		sink.plain = fstat(sink.fd, &st) == 0 && S_ISREG(st.st_mode);
	}
	return 0;
}

void sink_close(void)
{
	timer_clear(&sink.retry);
	if (sink.fd != -1 && sink.target != SINK_STDOUT)
		close(sink.fd);
	sink.fd = -1;
	buf_clear(&sink.waiting);
}

/* --- the file -------------------------------------------------------------------------------- */

static bool file_moved(void)
{
	struct stat st;

	if (loop_now() - sink.looked < LOOK_MS)
		return false;
	sink.looked = loop_now();
	return fstatat(sink.dir, SINK_FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	       st.st_ino != sink.st.st_ino || st.st_dev != sink.st.st_dev;
}

/* Whoever rotates renames the file; nobody has to tell. */
static bool file_ready(void)
{
	if (sink.fd != -1 && file_moved()) {
		close(sink.fd);
		sink.fd = -1;
	}
	if (sink.fd != -1)
		return true;
	sink.fd = openat(
	    sink.dir, SINK_FILE_NAME, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	return sink.fd != -1 && fstat(sink.fd, &sink.st) == 0;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Each of these writes some of s and returns how much, or -1 with errno. */
static ssize_t write_file(struct str s)
{
	return file_ready() ? write(sink.fd, s.p, s.n) : -1;
}

static ssize_t write_stdout(struct str s)
{
	struct pollfd p = { .fd = sink.fd, .events = POLLOUT };

	if (sink.plain)
		return write(sink.fd, s.p, s.n);
	if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(sink.fd, s.p, s.n < PIPE_PIECE ? s.n : PIPE_PIECE);
}

static ssize_t write_syslog(struct str s)
{
	struct str line;
	size_t n;

	str_cut(&s, '\n', &line);
	n = line.n < DATAGRAM_MAX ? line.n : DATAGRAM_MAX;
	return send(sink.fd, line.p, n, MSG_NOSIGNAL) == -1 ? -1 : (ssize_t)line.n + 1;
}

static ssize_t (*const writers[])(struct str) = {
	[SINK_FILE] = write_file,
	[SINK_STDOUT] = write_stdout,
	[SINK_SYSLOG] = write_syslog,
};

static void on_retry(void *arg)
{
	(void)arg;
	sink_flush();
}

void sink_flush(void)
{
	size_t done = 0;

	while (done < sink.waiting.n) {
		ssize_t n = writers[sink.target](str_skip(buf_view(&sink.waiting), done));

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			timer_set(&sink.retry, RETRY_MS, on_retry, NULL);
			break;
		}
		done += (size_t)n;
	}
	if (done == sink.waiting.n)
		buf_reset(&sink.waiting);
	else
		buf_drop(&sink.waiting, done);
}

void sink_line(struct str line)
{
	if (line.n > WAITING_MAX - sink.waiting.n || buf_str(&sink.waiting, line) == -1)
		sink.lost++;
}

uint64_t sink_take_lost(void)
{
	uint64_t n = sink.lost;

	/* told only when there is room to tell it */
	if (sink.waiting.n > WAITING_MAX / 2)
		return 0;
	sink.lost = 0;
	return n;
}
