/* Events on their way to services/log. See log.h. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/ipc.h"

enum {
	BACKLOG_MAX = 256 * 1024,
	/* what accept, deliver, bounce and auth results may still use when info is dropped already
	 */
	BACKLOG_INFO = BACKLOG_MAX * 3 / 4,
	RECORD_MAX = 16 * 1024,
	PACKET_ROOM = IPC_BODY_MAX - 64,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int channel = -1;
static const char *program = "thurn";
static enum log_level threshold = LEVEL_INFO;
static struct {
	size_t n;
	char bytes[BACKLOG_MAX]; /* whole records, each behind a u32 length */
} backlog;
static uint32_t dropped;

static const char *const level_names[] = { "debug", "info", "notice", "warning", "error" };

/* --- without a channel ----------------------------------------------------------------------- */

/* A line of standard error, cut at its end. */
struct line {
	size_t n;
	char text[RECORD_MAX];
};

static void add(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof l->text - 1 - l->n; /* one for the line end */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->n, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n += (size_t)n < room ? (size_t)n : room - 1;
}

static void print_event(
    enum log_level level, const struct tag *tag, const char *event, const struct kv *kv)
{
	static struct line l;

	l.n = 0;
	add(&l, "%s: %s: %s", program, level_names[level], event);
	if (tag != NULL && tag->queue != 0)
		add(&l, " queue=%016llx", (unsigned long long)tag->queue);
	for (; kv->key != NULL; kv++) {
		add(&l, " %s=", kv->key);
		if (kv->kind == KV_INT)
			add(&l, "%lld", (long long)kv->i);
		for (size_t i = 0; kv->kind == KV_STR && i < kv->s.n; i++) {
			unsigned char c = (unsigned char)kv->s.p[i];

			add(&l, c < ' ' || c == 0x7f ? "\\x%02x" : "%c", c);
		}
	}
	l.text[l.n++] = '\n';
	if (write(STDERR_FILENO, l.text, l.n) == -1)
		dropped++;
}

/* --- with one -------------------------------------------------------------------------------- */

static void put_event(struct put *w, enum log_level level, const struct tag *tag, const char *event,
    const struct kv *kv)
{
	struct timespec ts;
	uint8_t n = 0;

	clock_gettime(CLOCK_REALTIME, &ts);
	while (kv[n].key != NULL && n < LOG_FIELDS_MAX)
		n++;
	put_u8(w, (uint8_t)level);
	put_i64(w, (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	put_u64(w, tag != NULL ? tag->trace : 0);
	put_u64(w, tag != NULL ? tag->queue : 0);
	put_str(w, str_take(str_of(event), LOG_EVENT_MAX));
	put_u8(w, n);
	for (uint8_t i = 0; i < n; i++) {
		put_str(w, str_take(str_of(kv[i].key), LOG_KEY_MAX));
		put_u8(w, (uint8_t)kv[i].kind);
		if (kv[i].kind == KV_INT)
			put_i64(w, kv[i].i);
		else
			put_str(w, str_take(kv[i].s, LOG_VALUE_MAX));
	}
}

static void keep_event(enum log_level level, struct str record)
{
	uint32_t n = (uint32_t)record.n;

	if ((level <= LEVEL_INFO && backlog.n > BACKLOG_INFO) ||
	    backlog.n + sizeof n + record.n > BACKLOG_MAX) {
		dropped++;
		return;
	}
	memcpy(backlog.bytes + backlog.n, &n, sizeof n);
	memcpy(backlog.bytes + backlog.n + sizeof n, record.p, record.n);
	backlog.n += sizeof n + record.n;
}

void log_event(enum log_level level, const struct tag *tag, const char *event, const struct kv *kvs)
{
	static uint8_t space[RECORD_MAX];
	int saved = errno;

	if (level < threshold)
		return;
	pthread_mutex_lock(&lock);
	if (channel == -1) {
		print_event(level, tag, event, kvs);
	} else {
		struct put w = put_into(space, sizeof space);

		put_event(&w, level, tag, event, kvs);
		if (w.bad)
			dropped++;
		else
			keep_event(level, put_view(&w));
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
}

void log_open(int *fd, const char *name)
{
	pthread_mutex_lock(&lock);
	if (channel != -1)
		close(channel);
	channel = *fd;
	*fd = -1;
	program = name;
	pthread_mutex_unlock(&lock);
}

void log_threshold(enum log_level least)
{
	threshold = least;
}

/* Moves whole records into w; returns how many bytes of the backlog they were. */
static size_t fill_packet(struct put *w)
{
	size_t at = 0;

	while (at < backlog.n) {
		uint32_t n;

		memcpy(&n, backlog.bytes + at, sizeof n);
		if (w->n + n > PACKET_ROOM)
			break;
		memcpy(w->p + w->n, backlog.bytes + at + sizeof n, n);
		w->n += n;
		at += sizeof n + n;
	}
	return at;
}

size_t log_waiting(void)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = channel == -1 ? 0 : backlog.n;
	pthread_mutex_unlock(&lock);
	return n;
}

void log_flush(void)
{
	static uint8_t space[IPC_BODY_MAX];
	int saved = errno;

	pthread_mutex_lock(&lock);
	while (channel != -1 && (backlog.n > 0 || dropped > 0)) {
		struct put w = put_into(space, sizeof space);
		struct ipc_msg m = { .type = LOG_EVENTS };
		size_t used;

		put_u32(&w, dropped);
		used = fill_packet(&w);
		m.body = put_view(&w);
		if (ipc_send(channel, &m) == -1)
			break; /* they wait for the next time */
		dropped = 0;
		backlog.n -= used;
		memmove(backlog.bytes, backlog.bytes + used, backlog.n);
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
}
