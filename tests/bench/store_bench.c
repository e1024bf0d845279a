/*
 * How fast the mail store is, without a server around it. Prints one line per figure:
 * "name value unit". Arguments: a directory to work in (is created and filled), messages (100,000).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

static const char *home;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void result(const char *name, double value, const char *unit)
{
	printf("%-28s %10.2f %s\n", name, value, unit);
	fflush(stdout);
}

static void must(enum store_error e, const char *what)
{
	if (e == STORE_OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, store_strerror(e), strerror(errno));
	exit(1);
}

static struct store *open_store(void)
{
	struct store *s;

	must(store_open(home, NULL, &s), "open");
	return s;
}

/* As if an MTA had delivered them all while nobody looked. */
static void deliver(unsigned n)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/Maildir/new", home);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	for (unsigned i = 0; i < n; i++) {
		int f;

		snprintf(path, sizeof path, "%u.Qbenchmark%uR0.mx.example,S=20,W=22", i / 100, i);
		f = openat(fd, path, O_WRONLY | O_CREAT, 0600);
		if (f == -1 || write(f, "Subject: bench\n\nabc\n", 20) != 20)
			must(STORE_IO, "deliver");
		close(f);
	}
	close(fd);
}

static struct store_view *select_inbox(struct store *s)
{
	struct store_view *v;

	must(store_select(s, STR("INBOX"), false, &v), "select");
	return v;
}

static void bench_select(unsigned n)
{
	struct store *s = open_store();
	struct store_view *v;
	struct store_status st;
	struct store_changes c;
	double t = now();

	v = select_inbox(s);
	result("adopt", (now() - t) * 1e3 / n, "us/message");
	store_unselect(v);
	store_close(s);
	for (int i = 0; i < 3; i++) {
		t = now();
		s = open_store();
		result("open account", now() - t, "ms");
		t = now();
		v = select_inbox(s);
		result("select", now() - t, "ms");
		if (i < 2) {
			store_unselect(v);
			store_close(s);
		}
	}
	t = now();
	for (int i = 0; i < 1000; i++)
		must(store_refresh(v, true, &c), "refresh");
	result("refresh, nothing new", now() - t, "us");
	t = now();
	for (int i = 0; i < 1000; i++)
		must(store_status(s, STR("INBOX"), &st), "status");
	result("status", now() - t, "us");
	store_unselect(v);
	store_close(s);
}

static void bench_items(void)
{
	struct store *s = open_store();
	struct store_view *v = select_inbox(s);
	char item[350];
	struct str got;
	size_t sum = 0;
	double t = now();

	memset(item, 'e', sizeof item);
	for (uint32_t i = 0; i < v->n; i++)
		store_item_put(v, i, STORE_ITEM_ENVELOPE, str_bytes(item, sizeof item));
	store_item_flush(v);
	result("cache 350 bytes", (now() - t) * 1e3 / v->n, "us/message");
	for (int k = 0; k < 3; k++) {
		t = now();
		for (uint32_t i = 0; i < v->n; i++) {
			if (!store_item_get(v, i, STORE_ITEM_ENVELOPE, &got))
				must(STORE_IO, "item");
			for (size_t j = 0; j < got.n; j += 64)
				sum += (unsigned char)got.p[j];
		}
		result("read all cached", now() - t, "ms");
		store_rest(s);
	}
	if (sum == 0)
		must(STORE_IO, "item");
	store_unselect(v);
	store_close(s);
}

static void bench_flags(void)
{
	struct store *s = open_store();
	struct store_view *v = select_inbox(s);
	struct store_view *other = select_inbox(s);
	struct store_change c = { .op = STORE_ADD, .flags = STORE_FLAGGED };
	struct store_changes ch;
	uint32_t *idx = calloc(v->n, sizeof *idx), one = 0, total = 1000;
	enum store_result *res = calloc(v->n, sizeof *res);
	double t = now();

	for (uint32_t i = 0; i < total; i++) {
		one = i * 97 % v->n;
		must(store_change(v, &one, 1, &c, res), "flags");
	}
	result("flags, one each", total * 1e3 / (now() - t), "/s");
	t = now();
	must(store_refresh(other, true, &ch), "refresh");
	result("refresh, 1,000 changed", now() - t, "ms");
	for (uint32_t i = 0; i < v->n; i++)
		idx[i] = i;
	c.flags = STORE_SEEN;
	t = now();
	must(store_change(v, idx, v->n, &c, res), "flags");
	result("flags of all at once", now() - t, "ms");
	t = now();
	for (total = 0; store_mirror(s, 1000) && total < 20; total++)
		continue;
	result("mirror", (now() - t) * 1e3 / (total * 1000), "us/message");
	free(idx);
	free(res);
	store_unselect(other);
	store_unselect(v);
	store_close(s);
}

static void append_some(unsigned n, unsigned batch)
{
	struct store *s = open_store();
	struct store_batch *b;
	struct store_added added;
	char body[4096];

	for (size_t i = 0; i < sizeof body; i++)
		body[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
	for (unsigned i = 0; i < n; i += batch) {
		must(store_append_begin(s, STR("box"), &b), "append");
		for (unsigned j = 0; j < batch; j++) {
			must(store_append_message(b, 0, NULL, 0, 1), "append");
			must(store_append_write(b, body, sizeof body), "append");
		}
		must(store_append_commit(b, &added), "append");
	}
	store_close(s);
}

static double cpu_ms(void)
{
	struct rusage a, b;

	getrusage(RUSAGE_SELF, &a);
	getrusage(RUSAGE_CHILDREN, &b);
	return (double)(a.ru_utime.tv_sec + a.ru_stime.tv_sec + b.ru_utime.tv_sec +
			b.ru_stime.tv_sec) *
		   1e3 +
	       (double)(a.ru_utime.tv_usec + a.ru_stime.tv_usec + b.ru_utime.tv_usec +
			b.ru_stime.tv_usec) /
		   1e3;
}

static void bench_append(void)
{
	struct store *s = open_store();
	enum { EACH = 1000, PROCESSES = 20 };
	double t, c;

	store_create(s, STR("box"), STORE_USE_NONE);
	store_close(s);
	t = now();
	c = cpu_ms();
	append_some(EACH, 1);
	result("append 4 KB", EACH * 1e3 / (now() - t), "/s");
	result("append 4 KB", (cpu_ms() - c) / EACH, "ms cpu");
	t = now();
	append_some(EACH, 10);
	result("append 4 KB, by ten", EACH * 1e3 / (now() - t), "/s");
	t = now();
	c = cpu_ms();
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			append_some(EACH / 10, 1);
			_exit(0);
		}
	}
	while (wait(NULL) != -1)
		continue;
	result("append 4 KB, 20 processes", PROCESSES * EACH / 10 * 1e3 / (now() - t), "/s");
	result("append 4 KB, 20 processes", (cpu_ms() - c) / (PROCESSES * EACH / 10), "ms cpu");
}

static void bench_copy(void)
{
	struct store *s = open_store();
	struct store_view *v = select_inbox(s);
	struct store_copied copied;
	enum { SOME = 1000 };
	uint32_t idx[SOME];
	double t;

	for (uint32_t i = 0; i < SOME; i++)
		idx[i] = i;
	t = now();
	must(store_copy(v, idx, SOME, STR("box"), false, &copied), "copy");
	result("copy 1,000", now() - t, "ms");
	t = now();
	must(store_copy(v, idx, SOME, STR("box"), true, &copied), "move");
	result("move 1,000", now() - t, "ms");
	store_unselect(v);
	store_close(s);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;

	if (argc < 2) {
		fprintf(stderr, "usage: store_bench DIRECTORY [MESSAGES]\n");
		return 2;
	}
	home = argv[1];
	if (mkdir(home, 0700) == -1) {
		perror(home);
		return 1;
	}
	store_close(open_store());
	deliver(n);
	bench_select(n);
	bench_items();
	bench_flags();
	bench_append();
	bench_copy();
	return 0;
}
