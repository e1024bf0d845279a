/* Passwords that were right a moment ago. See recent.h. */
#include "recent.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/ipc.h"
#include "base/log.h"
#include "base/siphash.h"
#include "pool.h"
#include "proto/auth.h"

struct entry {
	uint64_t account; /* hash of its address; 0 = empty */
	uint64_t since;
	uint8_t mark[RECENT_BYTES];
};

/* One mapping, so that all of it can be locked. */
static struct memory {
	uint8_t key[32];
	uint64_t places[2]; /* secret of where an account stands: nobody can aim at another's */
	struct entry sets[RECENT_SETS][RECENT_WAYS];
} * memory;

int recent_open(void)
{
	memory =
	    mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -1;
	if (mlock(memory, sizeof *memory) == -1)
		log_warning(NULL, EV("memory-not-locked"), KERRNO);
	if (getrandom(memory->key, sizeof memory->key, 0) != sizeof memory->key ||
	    getrandom(memory->places, sizeof memory->places, 0) != sizeof memory->places)
		return -1;
	return 0;
}

static uint64_t account_of_address(struct str address)
{
	return siphash(memory->places, address) | 1;
}

static struct entry *set_of(uint64_t account)
{
	return memory->sets[account / 2 % RECENT_SETS];
}

void recent_mark(
    struct str address, struct str hash, struct str password, uint8_t mark[RECENT_BYTES])
{
	static uint8_t space[LOGIN_MAX + POOL_HASH_MAX + POOL_PASSWORD_MAX + 64];
	struct put w = put_into(space, sizeof space);
	unsigned n;

	put_str(&w, address); /* each with its length: one cannot run into the next */
	put_str(&w, hash);
	put_str(&w, password);
	if (w.bad ||
	    HMAC(EVP_sha256(), memory->key, sizeof memory->key, space, w.n, mark, &n) == NULL)
		memset(mark, 0, RECENT_BYTES);
	explicit_bzero(space, sizeof space);
}

/* Is there one at all? Too long a password has none. */
static bool is_mark(const uint8_t mark[RECENT_BYTES])
{
	static const uint8_t none[RECENT_BYTES];

	return memcmp(mark, none, sizeof none) != 0;
}

void recent_learn(struct str address, const uint8_t mark[RECENT_BYTES], uint64_t now)
{
	uint64_t account = account_of_address(address);
	struct entry *set = set_of(account), *to = &set[0];

	if (!is_mark(mark))
		return;
	for (unsigned i = 0; i < RECENT_WAYS; i++) {
		if (CRYPTO_memcmp(set[i].mark, mark, RECENT_BYTES) == 0) {
			to = &set[i];
			break;
		}
		if (set[i].account == 0 || (to->account != 0 && set[i].since < to->since))
			to = &set[i];
	}
	*to = (struct entry){ .account = account, .since = now };
	memcpy(to->mark, mark, RECENT_BYTES);
}

bool recent_knows(struct str address, const uint8_t mark[RECENT_BYTES], uint64_t now, uint64_t age)
{
	uint64_t account = account_of_address(address);
	struct entry *set = set_of(account);
	bool known = false;

	for (unsigned i = 0; i < RECENT_WAYS; i++)
		if (set[i].account == account && now - set[i].since < age &&
		    CRYPTO_memcmp(set[i].mark, mark, RECENT_BYTES) == 0)
			known = is_mark(mark);
	return known;
}

void recent_forget(struct str address)
{
	uint64_t account = account_of_address(address);
	struct entry *set = set_of(account);

	for (unsigned i = 0; i < RECENT_WAYS; i++)
		if (set[i].account == account)
			explicit_bzero(&set[i], sizeof set[i]);
}
