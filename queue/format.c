/* The spool file, encoded and decoded. See format.h. */
#include "format.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "base/crc32c.h"
#include "base/fd.h"

#define HEADER_MAGIC  "THURNSPL"
#define TRAILER_MAGIC "THURNEND"
#define SEALED_MARK   UINT64_C(0x64656c6165537369) /* "isSealed" */

enum {
	HASH_SIZE = 32,
	TRAILER_HASHED = 24, /* magic, id, offset: the hash covers them */
	READ_CHUNK = 256 * 1024,
	SLOT_FIXED = 40,
	SLOT_RELAY_MAX = 100,
};

/* --- slots ----------------------------------------------------------------------------------- */

uint32_t slot_size_for(uint32_t slots)
{
	/* always a divisor of a sector, so that no write of one is ever torn */
	return slots <= 64 ? 512 : slots <= 1000 ? 256 : 128;
}

static uint32_t slot_crc(
    uint64_t id, uint8_t kind, uint32_t index, const uint8_t *slot, uint32_t size)
{
	uint8_t where[16];
	struct put w = put_into(where, sizeof where);

	put_u64(&w, id);
	put_u32(&w, kind);
	put_u32(&w, index);
	return crc32c(crc32c(0, where, sizeof where), slot + 4, size - 4);
}

void slot_encode(
    const struct slot *s, uint64_t id, uint8_t kind, uint32_t index, uint8_t *out, uint32_t size)
{
	struct put w = put_into(out, size);
	struct str relay = str_take(s->relay, SLOT_RELAY_MAX), text = str_of(s->status.text);
	uint32_t room = size - SLOT_FIXED;

	if (relay.n > room / 2)
		relay.n = room / 2;
	text = str_take(text, room - relay.n);
	memset(out, 0, size);
	put_u32(&w, 0);
	put_u32(&w, s->generation);
	put_u8(&w, s->state);
	put_u8(&w, (uint8_t)(s->flags | s->fault << SLOT_FAULT_SHIFT));
	put_u16(&w, s->attempts);
	put_i64(&w, s->changed);
	put_u16(&w, (uint16_t)s->status.code);
	put_u16(&w, (uint16_t)relay.n);
	put_u16(&w, (uint16_t)text.n);
	put_u16(&w, s->early);
	memcpy(out + w.n, s->status.enhanced, STATUS_ENHANCED_MAX);
	w.n = SLOT_FIXED;
	if (relay.n > 0)
		memcpy(out + w.n, relay.p, relay.n);
	if (text.n > 0)
		memcpy(out + w.n + relay.n, text.p, text.n);
	w = put_into(out, size);
	put_u32(&w, slot_crc(id, kind, index, out, size));
}

static bool printable(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] < ' ' || p[i] > '~')
			return false;
	}
	return true;
}

int slot_decode(
    struct slot *s, uint64_t id, uint8_t kind, uint32_t index, const uint8_t *in, uint32_t size)
{
	struct get g = get_start(str_bytes(in, size));
	uint32_t crc = get_u32(&g);
	size_t relay, text;
	const char *p = (const char *)in + SLOT_FIXED;

	*s = (struct slot){ 0 };
	if (crc != slot_crc(id, kind, index, in, size))
		return -1;
	s->generation = get_u32(&g);
	s->state = get_u8(&g);
	s->flags = get_u8(&g);
	s->fault = s->flags >> SLOT_FAULT_SHIFT;
	s->flags &= (1 << SLOT_FAULT_SHIFT) - 1;
	s->attempts = get_u16(&g);
	s->changed = get_i64(&g);
	s->status.code = get_u16(&g);
	relay = get_u16(&g);
	text = get_u16(&g);
	s->early = get_u16(&g);
	if (s->state < SLOT_PENDING || s->state > SLOT_BOUNCED || (s->flags & ~SLOT_FLAGS) != 0 ||
	    s->fault >= FAULTS ||
	    (s->status.code != 0 && (s->status.code < 200 || s->status.code > 599)) ||
	    relay + text > size - SLOT_FIXED || text >= STATUS_TEXT_MAX ||
	    !printable(p, relay + text))
		return -1;
	memcpy(s->status.enhanced, in + SLOT_FIXED - STATUS_ENHANCED_MAX, STATUS_ENHANCED_MAX);
	if (s->status.enhanced[STATUS_ENHANCED_MAX - 1] != '\0' ||
	    !printable(s->status.enhanced, strlen(s->status.enhanced)))
		return -1;
	s->relay = str_bytes(p, relay);
	memcpy(s->status.text, p + relay, text);
	return 0;
}

/* --- header and layout ----------------------------------------------------------------------- */

void layout_fill(struct spool_layout *l)
{
	uint64_t end;

	l->slot_size = slot_size_for(l->slots);
	l->records_offset = SPOOL_HEADER + l->body_size;
	end = l->records_offset + l->records_size;
	/* whole sectors, so that a slot never lies across two */
	l->slots_offset = (end + 511) / 512 * 512;
	l->trailer_offset = l->slots_offset + (uint64_t)l->slots * l->slot_size;
}

void header_encode(const struct spool_layout *l, uint8_t out[SPOOL_HEADER])
{
	struct put w = put_into(out, SPOOL_HEADER);

	memset(out, 0, SPOOL_HEADER);
	memcpy(out, HEADER_MAGIC, 8);
	w.n = 8;
	put_u32(&w, SPOOL_VERSION);
	put_u32(&w, l->kind);
	put_u64(&w, l->id);
	put_u64(&w, l->sealed ? SEALED_MARK : 0);
	put_u32(&w, l->flags);
	put_u32(&w, l->slots);
	put_u32(&w, l->slot_size);
	put_u32(&w, 0);
	put_i64(&w, l->arrival);
	put_u64(&w, l->parent);
	put_u64(&w, l->body_size);
	put_u64(&w, l->records_size);
	put_u64(&w, l->slots_offset);
	put_u64(&w, l->trailer_offset);
	w = put_into(out + SPOOL_HEADER - 4, 4);
	put_u32(&w, crc32c(0, out, SPOOL_HEADER - 4));
}

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n > 0 && *p == 0) {
		p++;
		n--;
	}
	return n == 0;
}

/* The offsets that a writer would have chosen are the only ones that are taken. */
static bool layout_sane(const struct spool_layout *l)
{
	struct spool_layout want = *l;

	if (l->kind > SPOOL_EXPANSION ||
	    (l->flags & ~(uint32_t)(SPOOL_REPORT | SPOOL_DOUBLE)) != 0 || l->slots == 0 ||
	    l->slots > SPOOL_SLOTS_MAX || l->records_size > SPOOL_RECORDS_MAX ||
	    l->body_size > INT64_MAX / 4)
		return false;
	layout_fill(&want);
	return want.slot_size == l->slot_size && want.slots_offset == l->slots_offset &&
	       want.trailer_offset == l->trailer_offset;
}

enum spool_state header_decode(const uint8_t in[SPOOL_HEADER], struct spool_layout *l)
{
	struct get g = get_start(str_bytes(in, SPOOL_HEADER));
	struct get end = get_start(str_bytes(in + SPOOL_HEADER - 4, 4));
	uint32_t version, kind;
	uint64_t mark;

	*l = (struct spool_layout){ 0 };
	if (all_zero(in, SPOOL_HEADER))
		return SPOOL_UNFINISHED;
	if (get_u32(&end) != crc32c(0, in, SPOOL_HEADER - 4) || memcmp(in, HEADER_MAGIC, 8) != 0)
		return SPOOL_DAMAGED;
	g.p += 8;
	version = get_u32(&g);
	kind = get_u32(&g);
	l->id = get_u64(&g);
	mark = get_u64(&g);
	if (version != SPOOL_VERSION || kind > SPOOL_EXPANSION ||
	    (mark != 0 && mark != SEALED_MARK))
		return SPOOL_DAMAGED;
	l->kind = (uint8_t)kind;
	l->sealed = mark == SEALED_MARK;
	l->flags = get_u32(&g);
	l->slots = get_u32(&g);
	l->slot_size = get_u32(&g);
	if (get_u32(&g) != 0)
		return SPOOL_DAMAGED;
	l->arrival = get_i64(&g);
	l->parent = get_u64(&g);
	l->body_size = get_u64(&g);
	l->records_size = get_u64(&g);
	l->slots_offset = get_u64(&g);
	l->trailer_offset = get_u64(&g);
	l->records_offset = SPOOL_HEADER + l->body_size;
	/* the header of a body that is still coming in has no layout yet */
	if (!l->sealed && l->slots == 0)
		return SPOOL_UNFINISHED;
	if (!layout_sane(l) || !all_zero(g.p, (size_t)(end.end - 4 - g.p)))
		return SPOOL_DAMAGED;
	return SPOOL_GOOD;
}

/* --- hash and trailer ------------------------------------------------------------------------ */

static EVP_MD *md;

static void fetch_digest(void)
{
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* One context per thread: making one costs more than hashing a small message. */
static EVP_MD_CTX *hash_start(void)
{
	static _Thread_local EVP_MD_CTX *ctx;
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch_digest);
	if (ctx == NULL)
		ctx = EVP_MD_CTX_new();
	if (md == NULL || ctx == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1)
		abort();
	return ctx;
}

static void hash_add(EVP_MD_CTX *ctx, const void *p, size_t n)
{
	if (EVP_DigestUpdate(ctx, p, n) != 1)
		abort();
}

static void trailer_encode(
    const struct spool_layout *l, EVP_MD_CTX *ctx, uint8_t out[SPOOL_TRAILER])
{
	struct put w = put_into(out, SPOOL_TRAILER);

	memset(out, 0, SPOOL_TRAILER);
	memcpy(out, TRAILER_MAGIC, 8);
	w.n = 8;
	put_u64(&w, l->id);
	put_u64(&w, l->trailer_offset);
	hash_add(ctx, out, TRAILER_HASHED);
	if (EVP_DigestFinal_ex(ctx, out + TRAILER_HASHED, NULL) != 1)
		abort();
	w.n = SPOOL_TRAILER - 4;
	put_u32(&w, crc32c(0, out, SPOOL_TRAILER - 4));
}

void format_init(void)
{
	(void)hash_start();
}

/* A trailer for that offset, whole in itself; whether its hash fits is another question. */
static bool trailer_whole(const uint8_t in[SPOOL_TRAILER], uint64_t offset)
{
	struct get g = get_start(str_bytes(in, SPOOL_TRAILER));
	struct get end = get_start(str_bytes(in + SPOOL_TRAILER - 4, 4));

	g.p += 16;
	return memcmp(in, TRAILER_MAGIC, 8) == 0 && get_u64(&g) == offset &&
	       get_u32(&end) == crc32c(0, in, SPOOL_TRAILER - 4);
}

/* --- reading --------------------------------------------------------------------------------- */

/* Adds bytes [from, to) of fd to the hash. */
static int hash_file(EVP_MD_CTX *ctx, int fd, uint64_t from, uint64_t to)
{
	uint8_t *chunk = xmalloc(READ_CHUNK);
	int r = 0;

	while (r == 0 && from < to) {
		size_t n = to - from < READ_CHUNK ? (size_t)(to - from) : READ_CHUNK;

		r = fd_read_at(fd, chunk, n, from);
		if (r == 0)
			hash_add(ctx, chunk, n);
		from += n;
	}
	free(chunk);
	return r;
}

/* ENODATA is a file that is too short: damage. All else is the disk's fault, not the file's. */
static enum spool_state read_fault(const char **why)
{
	*why = errno == ENODATA ? "too short" : "cannot be read";
	return errno == ENODATA ? SPOOL_DAMAGED : SPOOL_UNREADABLE;
}

static bool trailer_at_end(int fd, uint64_t size)
{
	uint8_t trailer[SPOOL_TRAILER];

	return size >= SPOOL_HEADER + SPOOL_TRAILER &&
	       fd_read_at(fd, trailer, sizeof trailer, size - SPOOL_TRAILER) == 0 &&
	       trailer_whole(trailer, size - SPOOL_TRAILER);
}

static enum spool_state verify_hash(int fd, const struct spool_layout *l, const uint8_t *header,
    const uint8_t *trailer, const char **why)
{
	EVP_MD_CTX *ctx = hash_start();
	uint8_t again[SPOOL_TRAILER];

	hash_add(ctx, header, SPOOL_HEADER);
	if (hash_file(ctx, fd, SPOOL_HEADER, l->slots_offset) == -1)
		return read_fault(why);
	trailer_encode(l, ctx, again);
	if (memcmp(again, trailer, sizeof again) != 0) {
		*why = "the hash is wrong";
		return SPOOL_DAMAGED;
	}
	return SPOOL_GOOD;
}

/*
 * A header without a layout: an unfinished reception, unless a trailer speaks against it.
 */
static enum spool_state check_begun(int fd, const struct stat *st, const char **why)
{
	*why = "not sealed";
	if (trailer_at_end(fd, (uint64_t)st->st_size)) {
		*why = "a trailer, but not sealed";
		return SPOOL_DAMAGED;
	}
	return SPOOL_UNFINISHED;
}

/* A header with a layout, but without the mark. */
static enum spool_state no_trailer(const struct spool_layout *l, const char **why)
{
	*why = l->sealed ? "sealed, but without a trailer" : "not sealed";
	return l->sealed ? SPOOL_DAMAGED : SPOOL_UNFINISHED;
}

enum spool_state spool_check(int fd, bool verify, struct spool_layout *l, const char **why)
{
	uint8_t header[SPOOL_HEADER], trailer[SPOOL_TRAILER];
	struct stat st;
	enum spool_state state;

	*why = "";
	if (fstat(fd, &st) == -1)
		return read_fault(why);
	if (st.st_size == 0) {
		*why = "empty";
		return SPOOL_UNFINISHED;
	}
	if (fd_read_at(fd, header, sizeof header, 0) == -1)
		return read_fault(why);
	state = header_decode(header, l);
	if (state == SPOOL_UNFINISHED)
		return check_begun(fd, &st, why);
	if (state != SPOOL_GOOD) {
		*why = "the header is damaged";
		return state;
	}
	if (fd_read_at(fd, trailer, sizeof trailer, l->trailer_offset) == -1)
		return errno == ENODATA ? no_trailer(l, why) : read_fault(why);
	if (!trailer_whole(trailer, l->trailer_offset))
		return no_trailer(l, why);
	/*
	 * A process that was killed between the two last writes leaves a trailer without the mark.
	 * Its hash, which is over the header with the mark, proves that the message is whole.
	 */
	if (!l->sealed) {
		l->sealed = verify = true;
		header_encode(l, header);
	}
	return verify ? verify_hash(fd, l, header, trailer, why) : SPOOL_GOOD;
}

static enum spool_state read_slots(
    int fd, const struct spool_layout *l, struct arena *a, struct slot **out, const char **why)
{
	size_t size = (size_t)l->slots * l->slot_size;
	uint8_t *bytes = xmalloc(size);
	struct slot *slots = arena_array(a, l->slots, sizeof *slots);
	enum spool_state state = SPOOL_GOOD;

	if (fd_read_at(fd, bytes, size, l->slots_offset) == -1)
		state = read_fault(why);
	for (uint32_t i = 0; state == SPOOL_GOOD && i < l->slots; i++) {
		if (slot_decode(&slots[i], l->id, l->kind, i, bytes + (size_t)i * l->slot_size,
			l->slot_size) == -1) {
			*why = "a state slot is damaged";
			state = SPOOL_DAMAGED;
		}
		slots[i].relay = arena_str(a, slots[i].relay);
	}
	free(bytes);
	*out = slots;
	return state;
}

enum spool_state spool_read(int fd, const struct spool_layout *l, struct arena *a,
    struct spool_content *c, struct slot **slots, const char **why)
{
	char *records = xmalloc(l->records_size + 1);
	enum spool_state state = SPOOL_GOOD;

	if (fd_read_at(fd, records, l->records_size, l->records_offset) == -1) {
		state = read_fault(why);
	} else if (records_decode(str_bytes(records, l->records_size), a, l, c) == -1) {
		*why = "the records are malformed";
		state = SPOOL_DAMAGED;
	}
	free(records);
	return state == SPOOL_GOOD ? read_slots(fd, l, a, slots, why) : state;
}

/* --- writing --------------------------------------------------------------------------------- */

static int write_at(int fd, struct iovec *iov, int n, uint64_t offset)
{
	while (n > 0) {
		ssize_t r = pwritev(fd, iov, n, (off_t)offset);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == 0)
			errno = ENOSPC;
		if (r <= 0)
			return -1;
		offset += (uint64_t)r;
		while (n > 0 && (size_t)r >= iov->iov_len) {
			r -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + r;
			iov->iov_len -= (size_t)r;
		}
	}
	return 0;
}

static struct iovec piece(const void *p, size_t n)
{
	return (struct iovec){ (void *)(uintptr_t)p, n };
}

int spool_begin(int fd, uint64_t id)
{
	struct spool_layout l = { .id = id };
	uint8_t header[SPOOL_HEADER];
	struct iovec iov = piece(header, sizeof header);

	header_encode(&l, header);
	return write_at(fd, &iov, 1, 0);
}

/*
 * The file grows with the header not yet marked; the mark comes in a last write. So a process that
 * is killed leaves a file without a trailer and mark, or (in the instant between the two writes)
 * one whose trailer alone proves that it is whole, but never a mark without what it promises.
 */
int spool_write(
    int fd, struct spool_layout *l, const void *body, struct str records, const uint8_t *slots)
{
	static const uint8_t zeros[512];
	uint8_t header[SPOOL_HEADER], unmarked[SPOOL_HEADER], trailer[SPOOL_TRAILER];
	size_t padding = (size_t)(l->slots_offset - l->records_offset - l->records_size);
	EVP_MD_CTX *ctx = hash_start();
	bool there = body == NULL && l->body_size > 0; /* the body is in the file already */
	struct iovec iov[6];
	int n = 0;

	assert(records.n == l->records_size && padding < sizeof zeros);
	l->sealed = false;
	header_encode(l, unmarked);
	l->sealed = true;
	header_encode(l, header);
	hash_add(ctx, header, sizeof header);
	iov[n++] = piece(unmarked, sizeof unmarked);
	if (there) {
		if (write_at(fd, iov, n, 0) == -1 ||
		    hash_file(ctx, fd, SPOOL_HEADER, l->records_offset) == -1)
			return -1;
		n = 0;
	} else if (l->body_size > 0) {
		iov[n++] = piece(body, l->body_size);
		hash_add(ctx, body, l->body_size);
	}
	hash_add(ctx, records.p, records.n);
	hash_add(ctx, zeros, padding);
	trailer_encode(l, ctx, trailer);
	iov[n++] = piece(records.p, records.n);
	iov[n++] = piece(zeros, padding);
	iov[n++] = piece(slots, (size_t)l->slots * l->slot_size);
	iov[n++] = piece(trailer, sizeof trailer);
	if (write_at(fd, iov, n, there ? l->records_offset : 0) == -1)
		return -1;
	crash_point("accept.before_mark");
	iov[0] = piece(header, sizeof header);
	return write_at(fd, iov, 1, 0);
}

int spool_put_slot(int fd, const struct spool_layout *l, uint32_t index, const struct slot *s)
{
	uint8_t bytes[512];
	struct iovec iov = piece(bytes, l->slot_size);

	slot_encode(s, l->id, l->kind, index, bytes, l->slot_size);
	return write_at(fd, &iov, 1, l->slots_offset + (uint64_t)index * l->slot_size);
}
