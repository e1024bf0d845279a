/*
 * Threads that compute password hashes. See pool.h. Workers take jobs from `queues`, put them on
 * `finished` and ring an eventfd; everything else happens in the loop's thread.
 */
#include "pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/loop.h"

TAILQ_HEAD(job_list, pool_job);

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job_list queues[POOL_KINDS]; /* by kind, POOL_VERIFY first */
	struct job_list finished;
	unsigned waiting[POOL_KINDS], waiting_max; /* of each kind; loop's thread only */
	uint64_t done;
	int bell;
	struct watch watch;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .bell = -1 };

bool pool_equal(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned diff = 0;

	if (strlen(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		diff |= (unsigned)(unsigned char)a[i] ^ (unsigned char)b[i];
	return diff == 0;
}

static void compute(struct pool_job *j, struct crypt_data *data)
{
	const char *out = crypt_rn(j->password, j->hash, data, sizeof *data);

	if (out == NULL)
		j->ok = false;
	else if (j->kind == POOL_VERIFY)
		j->ok = pool_equal(out, j->hash);
	else
		j->ok = str_copy(str_of(out), j->hash, sizeof j->hash) == 0;
	explicit_bzero(data, sizeof *data);
	if (!j->ok || j->scram_iterations == 0 ||
	    scram_make(j->password, j->scram_iterations, &j->scram) == -1)
		j->scram.iterations = 0;
	explicit_bzero(j->password, sizeof j->password);
}

static struct pool_job *next_job(void)
{
	for (;;) {
		for (unsigned k = 0; k < POOL_KINDS; k++) {
			struct pool_job *j = TAILQ_FIRST(&pool.queues[k]);

			if (j != NULL) {
				TAILQ_REMOVE(&pool.queues[k], j, next);
				return j;
			}
		}
		pthread_cond_wait(&pool.work, &pool.lock);
	}
}

static void *worker(void *unused)
{
	struct crypt_data *data = xcalloc(1, sizeof *data);
	const uint64_t one = 1;

	(void)unused;
	pthread_mutex_lock(&pool.lock);
	for (;;) {
		struct pool_job *j = next_job();

		pthread_mutex_unlock(&pool.lock);
		compute(j, data);
		pthread_mutex_lock(&pool.lock);
		TAILQ_INSERT_TAIL(&pool.finished, j, next);
		/* an eventfd counts up to 2^64 - 2, so this cannot block */
		while (write(pool.bell, &one, sizeof one) == -1 && errno == EINTR)
			;
	}
	return NULL;
}

static void collect(void *arg, unsigned what)
{
	struct job_list done = TAILQ_HEAD_INITIALIZER(done);
	struct pool_job *j;
	uint64_t count;

	(void)arg;
	(void)what;
	if (read(pool.bell, &count, sizeof count) == -1)
		return;
	pthread_mutex_lock(&pool.lock);
	TAILQ_CONCAT(&done, &pool.finished, next);
	pthread_mutex_unlock(&pool.lock);
	while ((j = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, j, next);
		pool.waiting[j->kind]--;
		pool.done++;
		j->done(j);
	}
}

int pool_start(unsigned threads, unsigned waiting_max)
{
	assert(threads > 0 && threads <= POOL_THREADS_MAX);
	for (unsigned k = 0; k < POOL_KINDS; k++)
		TAILQ_INIT(&pool.queues[k]);
	TAILQ_INIT(&pool.finished);
	pool.waiting_max = waiting_max;
	pool.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool.bell == -1)
		return -1;
	watch_set(&pool.watch, pool.bell, WATCH_READ, collect, NULL);
	for (unsigned i = 0; i < threads; i++) {
		pthread_t thread;
		int error = pthread_create(&thread, NULL, worker, NULL);

		if (error != 0) {
			errno = error;
			return -1;
		}
		pthread_detach(thread);
	}
	return 0;
}

int pool_add(struct pool_job *j)
{
	if (pool.waiting[j->kind] >= pool.waiting_max)
		return -1;
	pool.waiting[j->kind]++;
	pthread_mutex_lock(&pool.lock);
	TAILQ_INSERT_TAIL(&pool.queues[j->kind], j, next);
	pthread_cond_signal(&pool.work);
	pthread_mutex_unlock(&pool.lock);
	return 0;
}

uint64_t pool_done(void)
{
	return pool.done;
}

unsigned pool_waiting(enum pool_kind kind)
{
	return pool.waiting[kind];
}

int pool_setting(struct str scheme, unsigned long cost, char out[POOL_HASH_MAX + 1])
{
	static const struct {
		const char *scheme, *prefix;
	} schemes[] = { { "yescrypt", "$y$" }, { "bcrypt", "$2b$" }, { "sha512", "$6$" } };
	char salt[32];

	if (getrandom(salt, sizeof salt, 0) != sizeof salt)
		return -1;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (str_eq(scheme, str_of(schemes[i].scheme)))
			return crypt_gensalt_rn(schemes[i].prefix, cost, salt, sizeof salt, out,
				   POOL_HASH_MAX + 1) == NULL
				   ? -1
				   : 0;
	errno = EINVAL;
	return -1;
}

bool pool_hash_known(const char *hash)
{
	return crypt_checksalt(hash) == CRYPT_SALT_OK;
}
