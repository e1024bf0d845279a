/*
 * Events. log_info(&s->tag, EV("rcpt-refused"), KS("to", addr), KI("code", 550));
 *
 * An event has a stable, documented name and typed fields; services/log renders it as JSON or as a
 * line. Values are taken as they are (the renderer escapes). Nothing here blocks: events wait in a
 * 256 KiB buffer and go out in one packet when the loop is about to sleep; when that is full, info
 * events are dropped and counted. Never log a secret or a body. Safe from any thread.
 * Before the log channel exists (and in tools and tests) events go to standard error as text.
 *
 * Names and keys of the events that services/log also writes in the words of Postfix (text.c there);
 * keys that are empty may be left out, others may be added:
 *	connect, disconnect, lost-connection, timeout	client port listener; after (stage)
 *	mail-accepted (smtpd)	client client_name helo login protocol message_id		tag: trace, queue
 *	client-refused mail-refused rcpt-refused data-refused (smtpd)
 *				client helo from to protocol code enhanced text rule
 *	message-accepted (queue)	from size nrcpt
 *	delivered deferred bounced expired (queue)
 *				to orig_to relay delay (ms) delays dsn status (text)
 *	removed; report-made (report: its id)
 *	auth-refused auth-accepted	client login mechanism
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/str.h"

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_NOTICE, LEVEL_WARNING, LEVEL_ERROR };

/* What the event belongs to; both 0 = to no message. Text form: id.h */
struct tag {
	uint64_t trace; /* from connect to mailbox, bounce and re-submission */
	uint64_t queue; /* queue id, once known */
};

struct kv {
	const char *key;
	enum { KV_STR, KV_INT } kind;
	struct str s;
	int64_t i;
};

#define EV(name)     name
#define KS(k, v)     ((struct kv){ .key = (k), .kind = KV_STR, .s = (v) })
#define KZ(k, v)     ((struct kv){ .key = (k), .kind = KV_STR, .s = str_of(v) })
#define KI(k, v)     ((struct kv){ .key = (k), .kind = KV_INT, .i = (int64_t)(v) })
#define KERRNO       KZ("error", strerror(errno))
#define LOG_KVS(...) ((const struct kv[]){ __VA_ARGS__ __VA_OPT__(, ){ .key = NULL } })

#define log_debug(tag, ev, ...)   log_event(LEVEL_DEBUG, tag, ev, LOG_KVS(__VA_ARGS__))
#define log_info(tag, ev, ...)    log_event(LEVEL_INFO, tag, ev, LOG_KVS(__VA_ARGS__))
#define log_notice(tag, ev, ...)  log_event(LEVEL_NOTICE, tag, ev, LOG_KVS(__VA_ARGS__))
#define log_warning(tag, ev, ...) log_event(LEVEL_WARNING, tag, ev, LOG_KVS(__VA_ARGS__))
#define log_error(tag, ev, ...)   log_event(LEVEL_ERROR, tag, ev, LOG_KVS(__VA_ARGS__))

/* tag may be NULL. errno is kept. */
void log_event(
    enum log_level level, const struct tag *tag, const char *event, const struct kv *kvs);

/* Events go to this channel from now on (takes *fd); program names stderr lines. */
void log_open(int *fd, const char *program);
void log_threshold(enum log_level least); /* quieter levels are not even sent; default info */
void log_flush(void);
size_t log_waiting(void); /* bytes that log_flush() would send */

/*
 * The packet format, also read by services/log: a sequence of records, each
 * {u8 level, i64 time in microseconds since 1970, u64 trace, u64 queue, str event, u8 fields,
 *  fields x {str key, u8 kind, str or i64}}; before them u32 dropped: how many were dropped before.
 */
/* The type of that packet: 0x02xx in proto/types.h */
enum { LOG_EVENTS = 0x0200 };

enum { LOG_EVENT_MAX = 64, LOG_KEY_MAX = 32, LOG_VALUE_MAX = 4096, LOG_FIELDS_MAX = 24 };

#endif
