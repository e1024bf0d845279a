/* Events on their way to services/log. See log.h. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/ipc.h"

enum {
	BACKLOG_MAX = 256 * 1024,
	/* what accept, deliver, bounce and auth results may still use when info is dropped already */
	BACKLOG_INFO = BACKLOG_MAX * 3 / 4,
	RECORD_MAX = 16 * 1024,
	PACKET_ROOM = IPC_BODY_MAX - 64,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int channel = -1;
static const char *program = "thurn";
static enum log_level threshold = LEVEL_INFO;
static struct buf backlog = { .max = BACKLOG_MAX }; /* whole records, each behind a u32 length */
static uint32_t dropped;

static const char *const level_names[] = { "debug", "info", "notice", "warning", "error" };

/* --- without a channel ----------------------------------------------------------------------- */

static void print_value(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < ' ' || c == 0x7f)
			buf_printf(b, "\\x%02x", c);
		else
			buf_char(b, (char)c);
	}
}

static void print_event(enum log_level level, const struct tag *tag, const char *event,
    const struct kv *kv)
{
	struct buf b;
	char id[ID_TEXT + 1];

	buf_init(&b, RECORD_MAX);
	buf_printf(&b, "%s: %s: %s", program, level_names[level], event);
	if (tag != NULL && tag->queue != 0) {
		id_format(tag->queue, id);
		buf_printf(&b, " queue=%s", id);
	}
	for (; kv->key != NULL; kv++) {
		buf_printf(&b, " %s=", kv->key);
		if (kv->kind == KV_INT)
			buf_printf(&b, "%lld", (long long)kv->i);
		else
			print_value(&b, kv->s);
	}
	buf_char(&b, '\n');
	if (write(STDERR_FILENO, b.p, b.n) == -1)
		dropped++;
	buf_clear(&b);
}

/* --- with one -------------------------------------------------------------------------------- */

static void put_event(struct put *w, enum log_level level, const struct tag *tag,
    const char *event, const struct kv *kv)
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
	buf_put(&backlog, &n, sizeof n);
	buf_str(&backlog, record);
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

		memcpy(&n, backlog.p + at, sizeof n);
		if (w->n + n > PACKET_ROOM)
			break;
		memcpy(w->p + w->n, backlog.p + at + sizeof n, n);
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
		buf_drop(&backlog, used);
	}
	pthread_mutex_unlock(&lock);
	errno = saved;
}
