/*
 * Fills a spool with deferred messages, as if a next hop had been dead for an hour: to measure how
 * the queue starts. Arguments: the spool directory (made by queue), messages. It becomes whoever owns
 * the spool. Their next try is far off, so that nothing is delivered meanwhile.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../queue/format.h"
#include "../../queue/spool.h"
#include "base/id.h"

enum { BODY = 1024, SLOT = 512 };

static int add(uint64_t number, struct buf *records)
{
	static char body[BODY] = "Subject: deferred\r\n\r\n";
	uint8_t bytes[SLOT];
	char address[64];
	int64_t now = (int64_t)time(NULL);
	struct envelope_rcpt rcpt = { .addr = STR("") };
	struct spool_content content = { .envelope = { .trace = 1,
					     .arrival = (now - 3600) * 1000000,
					     .sender = STR("sender@example.test"),
					     .client = STR("127.0.0.1"),
					     .rcpts = &rcpt,
					     .nrcpts = 1 } };
	struct slot slot = { .state = SLOT_PENDING, .attempts = 1, .changed = now - 3600 };
	struct spool_layout layout = { .id = id_random(),
		.arrival = content.envelope.arrival,
		.body_size = BODY,
		.slots = 1 };
	int fd, r;

	snprintf(address, sizeof address, "user%u@host%u.example", (unsigned)number,
	    (unsigned)number % 500);
	rcpt.addr = str_of(address);
	memset(body + 21, 'x', BODY - 23);
	body[BODY - 2] = '\r';
	body[BODY - 1] = '\n';
	status_set(&slot.status, 451, "4.4.1", "no answer");
	buf_clear(records);
	if (records_encode(records, &content) < 0)
		return -1;
	layout.records_size = records->n;
	layout_fill(&layout);
	slot_encode(&slot, layout.id, SPOOL_MESSAGE, 0, bytes, layout.slot_size);
	fd = spool_new_file(layout.id, 0);
	if (fd < 0)
		return -1;
	r = spool_write(fd, &layout, body, buf_view(records), bytes);
	if (r == 0)
		r = spool_set_next(fd, now + 3600 + (int64_t)(number % 3600), false);
	close(fd);
	return r;
}

int main(int argc, char **argv)
{
	uint64_t n = 0;
	char why[256] = "usage: spoolfill DIRECTORY MESSAGES";
	struct stat owner;
	struct buf records;
	int dir = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;

	if (dir < 0 || fstat(dir, &owner) < 0 || str_u64(str_of(argv[2]), 10000000, &n) < 0 ||
	    setgid(owner.st_gid) < 0 || setuid(owner.st_uid) < 0 || spool_open(dir, why) < 0) {
		fprintf(stderr, "spoolfill: %s\n", why);
		return 1;
	}
	format_init();
	buf_init(&records, 4096);
	for (uint64_t i = 0; i < n; i++)
		if (add(i, &records) < 0) {
			perror("spoolfill");
			return 1;
		}
	return 0;
}
