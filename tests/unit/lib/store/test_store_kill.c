/*
 * Several processes of one account append, deliver, change flags, expunge, move and mirror, and are
 * killed at random with SIGKILL. Afterwards: no acknowledged message is lost, no UID ever named two
 * messages, mod-sequences and UIDNEXT never went back, counters equal a recount, every file has a
 * record. A message is there twice only where a process was killed within its MOVE, so that nobody
 * was told that it had moved. STORE_KILL_SECONDS makes it longer (8), STORE_KILL_SEED repeatable as
 * far as it can be.
 */
#include "rig.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum { WORKERS = 5, MESSAGES = 1 << 20, UIDS = 1 << 22, BOXES = 2, FULL = 150 };
enum { NONE, ACKED, REMOVED };

static const char *const boxes[BOXES] = { "INBOX", "other" };

struct shared {
	_Atomic uint32_t next;
	_Atomic uint64_t modseq[BOXES];
	_Atomic uint32_t uidnext[BOXES];
	_Atomic uint32_t moves, appends, deliveries, expunges, refreshes;
	_Atomic uint32_t owner[BOXES][UIDS]; /* which message a UID names */
	_Atomic uint8_t state[MESSAGES];
	_Atomic uint16_t moving[MESSAGES]; /* moves that began and were not answered */
	_Atomic int failed;
	char why[256];
};

static struct shared *sh;
static unsigned long seed;

static unsigned dice(unsigned n)
{
	seed = seed * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned)(seed >> 33) % n;
}

static void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (atomic_exchange(&sh->failed, 1) == 0)
		vsnprintf(sh->why, sizeof sh->why, fmt, ap);
	va_end(ap);
	_exit(1);
}

static void check(enum store_error e, const char *what)
{
	if (e == STORE_OK)
		return;
	wrong("%s: %s, %s", what, store_strerror(e), strerror(errno));
}

/* The number in the message. */
static uint32_t number_of(struct store_view *v, uint32_t idx)
{
	struct store_body b;
	struct buf out;
	uint32_t n = 0;

	if (store_body_open(v, idx, &b) != STORE_OK)
		return 0; /* expunged and told later */
	buf_init(&out, 4096);
	if (store_body_read(&b, 0, b.size, &out) == STORE_OK && out.n > 9)
		n = (uint32_t)strtoul(buf_cstr(&out) + 9, NULL, 10);
	else
		wrong("message %u of %zu bytes is not whole", v->msgs[idx].uid, out.n);
	buf_clear(&out);
	store_body_close(&b);
	return n;
}

static void observe(struct store_view *v, int box, uint32_t first)
{
	for (uint32_t i = first; i < v->n; i++) {
		uint32_t uid = v->msgs[i].uid, n = number_of(v, i), was = 0;

		if (n == 0 || uid >= UIDS)
			continue;
		if (!atomic_compare_exchange_strong(&sh->owner[box][uid], &was, n) && was != n)
			wrong("one UID has named messages %u and %u", was, n);
	}
}

static void not_back(_Atomic uint64_t *high, uint64_t before, uint64_t now)
{
	uint64_t seen = atomic_load(high);

	if (now < before)
		wrong(
		    "modseq went from %lu back to %lu", (unsigned long)before, (unsigned long)now);
	while (seen < now && !atomic_compare_exchange_weak(high, &seen, now))
		continue;
}

static void refresh(struct store_view *v, int box)
{
	struct store_changes c;
	uint64_t modseq = atomic_load(&sh->modseq[box]);
	uint32_t next = atomic_load(&sh->uidnext[box]);

	check(store_refresh(v, true, &c), "refresh");
	not_back(&sh->modseq[box], modseq, v->modseq);
	if (v->uidnext < next)
		wrong("UIDNEXT went from %u back to %u", next, v->uidnext);
	while (next < v->uidnext &&
	       !atomic_compare_exchange_weak(&sh->uidnext[box], &next, v->uidnext))
		continue;
	for (uint32_t i = 1; i < v->n; i++)
		if (v->msgs[i - 1].uid >= v->msgs[i].uid)
			wrong(
			    "UIDs %u and %u are out of order", v->msgs[i - 1].uid, v->msgs[i].uid);
	observe(v, box, c.first_new);
	atomic_fetch_add(&sh->refreshes, 1);
}

/* Somebody else may have seen it before its maker says so, and removed it already. */
static void acknowledge(uint32_t n)
{
	uint8_t none = NONE;

	atomic_compare_exchange_strong(&sh->state[n], &none, ACKED);
}

static uint32_t next_number(char *text, size_t size)
{
	uint32_t n = atomic_fetch_add(&sh->next, 1) + 1;

	if (n >= MESSAGES)
		wrong("too many messages");
	snprintf(text, size, "Subject: %u\n\nbody of %u\n", n, n);
	return n;
}

static void do_append(struct rig *r, int box)
{
	struct store_batch *b;
	struct store_added added;
	char text[80];
	uint32_t n[3], count = 1 + dice(3), was = 0;

	check(store_append_begin(r->s, str_of(boxes[box]), &b), "append");
	for (uint32_t i = 0; i < count; i++) {
		n[i] = next_number(text, sizeof text);
		check(store_append_message(b, dice(2) ? STORE_SEEN : 0, NULL, 0, 1), "append");
		for (char *p = text; *p != '\0'; p++)
			check(*p == '\n' ? store_append_write(b, "\r\n", 2)
					 : store_append_write(b, p, 1),
			    "append");
	}
	check(store_append_commit(b, &added), "append");
	for (uint32_t i = 0; i < count; i++) {
		was = 0;
		if (!atomic_compare_exchange_strong(&sh->owner[box][added.first + i], &was, n[i]) &&
		    was != n[i])
			wrong("an appended UID has named messages %u and %u", was, n[i]);
		acknowledge(n[i]);
	}
	atomic_fetch_add(&sh->appends, count);
}

static void do_deliver(struct rig *r, int box)
{
	char text[80], tmp[200], new[200];
	uint32_t n = next_number(text, sizeof text);
	int fd;

	snprintf(
	    tmp, sizeof tmp, "%s/Maildir%s/tmp/%u.K%u.mx", r->home, box ? "/.other" : "", n, n);
	snprintf(new, sizeof new, "%s/Maildir%s/new/%u.K%u.mx,S=%zu,W=%zu", r->home,
	    box ? "/.other" : "", n, n, strlen(text), strlen(text) + 3);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		wrong("cannot write: %s", strerror(errno));
	close(fd);
	if (link(tmp, new) == -1)
		wrong("cannot link: %s", strerror(errno));
	acknowledge(n);
	unlink(tmp);
	atomic_fetch_add(&sh->deliveries, 1);
}

static size_t pick(struct store_view *v, uint32_t *idx, size_t max)
{
	size_t n = 0;

	for (uint32_t i = dice(5); i < v->n && n < max; i += 1 + dice(9))
		idx[n++] = i;
	return n;
}

static void do_flags(struct store_view *v)
{
	struct store_change c = { .op = (enum store_op)dice(3), .flags = dice(8) };
	uint32_t idx[20];
	enum store_result res[20];
	size_t n = pick(v, idx, 20);

	check(store_change(v, idx, n, &c, res), "flags");
}

static void do_expunge(struct store_view *v)
{
	struct store_change c = { .op = STORE_ADD, .flags = STORE_DELETED };
	uint32_t idx[40], count;
	enum store_result res[40];
	size_t n = 0, picked = pick(v, idx, 40);

	/* one that moves faster than it can be opened stays: nobody could say which it was */
	for (size_t i = 0; i < picked; i++) {
		uint32_t m = number_of(v, idx[i]);

		if (m == 0)
			continue;
		atomic_store(&sh->state[m], REMOVED);
		idx[n++] = idx[i];
	}
	check(store_change(v, idx, n, &c, res), "flags");
	check(store_expunge(v, idx, n, &count), "expunge");
	atomic_fetch_add(&sh->expunges, count);
}

static void do_move(struct store_view *v, int box)
{
	struct store_copied copied;
	uint32_t idx[10], numbers[10];
	size_t n = pick(v, idx, 10);

	for (size_t i = 0; i < n; i++) {
		numbers[i] = number_of(v, idx[i]);
		atomic_fetch_add(&sh->moving[numbers[i]], 1);
	}
	check(store_copy(v, idx, n, str_of(boxes[!box]), true, &copied), "move");
	for (size_t i = 0; i < n; i++)
		atomic_fetch_sub(&sh->moving[numbers[i]], 1);
	atomic_fetch_add(&sh->moves, copied.n);
}

static void work(struct rig *r, int worker)
{
	struct store_view *v[BOXES];

	seed = (unsigned long)getpid() * 2654435761UL + (unsigned long)worker;
	if (store_open(r->home, NULL, &r->s) != STORE_OK)
		wrong("cannot open: %s", strerror(errno));
	for (int i = 0; i < BOXES; i++)
		check(store_select(r->s, str_of(boxes[i]), false, &v[i]), "select");
	for (;;) {
		int box = (int)dice(BOXES);
		unsigned what = dice(100);

		if (what < 15)
			do_append(r, box);
		else if (what < 35)
			do_deliver(r, box);
		else if (what < 50)
			do_flags(v[box]);
		else if (what < 60 && v[box]->n > FULL)
			do_expunge(v[box]);
		else if (what < 70)
			do_move(v[box], box);
		else if (what < 75)
			store_mirror(r->s, 50);
		else
			refresh(v[box], box);
		store_rest(r->s);
	}
}

static pid_t start(struct rig *r, int worker)
{
	pid_t pid = fork();

	if (pid == 0)
		work(r, worker);
	return pid;
}

static unsigned run(struct rig *r, unsigned seconds)
{
	pid_t pids[WORKERS];
	time_t end = time(NULL) + seconds;
	unsigned kills = 0;

	for (int i = 0; i < WORKERS; i++)
		pids[i] = start(r, i);
	while (time(NULL) < end && !atomic_load(&sh->failed)) {
		int i = (int)dice(WORKERS), status;

		usleep(1000 + dice(12000));
		kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			atomic_store(&sh->failed, 1);
			fprintf(stderr, "a worker ended with status %x\n", (unsigned)status);
		}
		kills++;
		pids[i] = start(r, i);
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	return kills;
}

/* Counts the copies of each message in a mailbox, and holds its counters against the records. */
static void recount(struct rig *r, int box, uint8_t *seen, uint64_t *bytes, uint64_t *messages)
{
	struct store_view *v = rig_select(r, boxes[box]);
	struct store_status st;
	uint32_t unseen = 0, deleted = 0;
	uint64_t size = 0;

	observe(v, box, 0);
	for (uint32_t i = 0; i < v->n; i++) {
		uint32_t n = number_of(v, i);

		assert_true(n > 0 && n < MESSAGES);
		seen[n]++;
		unseen += (v->msgs[i].flags & STORE_SEEN) == 0;
		deleted += (v->msgs[i].flags & STORE_DELETED) != 0;
		size += v->msgs[i].size;
		*bytes += v->msgs[i].disk;
	}
	*messages += v->n;
	assert_int_equal(store_status(r->s, str_of(boxes[box]), &st), STORE_OK);
	assert_int_equal(st.messages, v->n);
	assert_int_equal(st.unseen, unseen);
	assert_int_equal(st.deleted, deleted);
	assert_int_equal(st.size, size);
	assert_int_equal(st.recent, 0);
	assert_true(st.modseq >= atomic_load(&sh->modseq[box]));
	assert_true(st.uidnext >= atomic_load(&sh->uidnext[box]));
	assert_int_equal(rig_count(r, box ? "Maildir/.other/new" : "Maildir/new"), 0);
	store_unselect(v);
}

static void kill_at_random(void **state)
{
	struct rig *r = *state;
	const char *env = getenv("STORE_KILL_SECONDS");
	unsigned seconds = env != NULL ? (unsigned)strtoul(env, NULL, 10) : 8;
	uint8_t *seen = calloc(MESSAGES, 1);
	uint64_t bytes = 0, messages = 0;
	unsigned kills, twice = 0, lost = 0;
	struct store_usage u;

	sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(sh != MAP_FAILED);
	env = getenv("STORE_KILL_SEED");
	seed = env != NULL ? strtoul(env, NULL, 10) : (unsigned long)time(NULL);
	assert_int_equal(store_create(r->s, STR("other"), STORE_USE_NONE), STORE_OK);
	store_close(r->s);
	r->s = NULL;
	kills = run(r, seconds);
	if (atomic_load(&sh->failed))
		fail_msg("%s", sh->why);
	rig_open(r);
	for (int i = 0; i < BOXES; i++)
		recount(r, i, seen, &bytes, &messages);
	for (uint32_t n = 1; n < MESSAGES; n++) {
		if (sh->state[n] == ACKED && seen[n] == 0) {
			print_message("message %u is lost\n", n);
			lost++;
		}
		twice += seen[n] > 1;
		assert_true(seen[n] <= 1 || sh->moving[n] > 0);
	}
	assert_int_equal(store_usage(r->s, &u), STORE_OK);
	printf("%u kills: %u appended, %u delivered, %u moved, %u expunged, %u refreshes; "
	       "%u left, %u twice, %u lost%s\n",
	    kills, sh->appends, sh->deliveries, sh->moves, sh->expunges, sh->refreshes,
	    (unsigned)messages, twice, lost, r->events);
	assert_int_equal(lost, 0);
	assert_int_equal(u.bytes, bytes);
	assert_int_equal(u.messages, messages);
	assert_string_equal(r->events, "");
	munmap(sh, sizeof *sh);
	free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = { RIG_TEST(kill_at_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
