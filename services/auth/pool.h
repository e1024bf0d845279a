/*
 * Threads that compute password hashes, so that a slow one never holds up the loop. Bounded: a
 * fixed number of threads and of waiting jobs. Results come back to the loop's thread.
 */
#ifndef AUTH_POOL_H
#define AUTH_POOL_H

#include <crypt.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/str.h"
#include "scram.h"

enum {
	POOL_THREADS_MAX = 32,
	POOL_PASSWORD_MAX = CRYPT_MAX_PASSPHRASE_SIZE - 1, /* longer ones cannot be hashed */
	POOL_HASH_MAX = CRYPT_OUTPUT_SIZE - 1,
};

/*
 * One hash to compute. `setting` is the stored hash to compare with (POOL_VERIFY), or what
 * crypt_gensalt made (POOL_HASH). done() runs in the loop's thread; the password has been wiped by
 * then. Embedded in its owner, who keeps it until done().
 */
enum pool_kind { POOL_VERIFY, POOL_HASH, POOL_KINDS };
struct pool_job {
	enum pool_kind kind;
	char password[POOL_PASSWORD_MAX + 1];
	char hash[POOL_HASH_MAX + 1]; /* in: the setting; out, for POOL_HASH: the result */
	bool ok; /* it matches; the hash was made */
	/* in: > 0 = make the keys of SCRAM, too, if it is ok; out: the keys, or iterations = 0 */
	uint32_t scram_iterations;
	struct scram_keys scram;
	void (*done)(struct pool_job *j);
	TAILQ_ENTRY(pool_job) next;
};

/* Starts the threads; call when confined, they inherit it. At most waiting_max jobs of each kind.
 * -1 with errno. */
int pool_start(unsigned threads, unsigned waiting_max);
/* Hands over a job; those that verify go before those that hash. -1: too many of its kind wait. */
int pool_add(struct pool_job *j);
/* Jobs not yet done; all that are. */
unsigned pool_waiting(enum pool_kind kind);
uint64_t pool_done(void);

/* crypt_gensalt for a scheme ("yescrypt", "bcrypt", "sha512"); cost 0 = the library's default. */
int pool_setting(struct str scheme, unsigned long cost, char out[POOL_HASH_MAX + 1]);
/* Is that a hash of a scheme that the library knows and takes for good? */
bool pool_hash_known(const char *hash);

/* Compares without telling by its time where they differ. */
bool pool_equal(const char *a, const char *b);

#endif
