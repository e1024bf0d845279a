/* Files with private keys. See keyfile.h. */
#include "keyfile.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	SECURE_HEAP = 4 * 1024 * 1024, /* bytes; a power of two */
	SECURE_LEAST = 16,
};

int keyfile_open(void)
{
	struct rlimit all;
	uint8_t byte;

	OPENSSL_init_crypto(
	    OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
	    NULL);
	if (getrlimit(RLIMIT_MEMLOCK, &all) == 0) {
		all.rlim_cur = all.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &all);
	}
	if (RAND_bytes(&byte, 1) != 1 || RAND_priv_bytes(&byte, 1) != 1)
		abort();
	/* everything where the limit allows it; the keys' own heap in any case */
	if (CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_LEAST) != 1)
		return -1;
	if (mlockall(MCL_CURRENT | MCL_FUTURE) == -1)
		errno = 0;
	return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

/* A process without files cannot ask for the size. */
int keyfile_read(int fd, struct str *text, const char *what, char *why)
{
	char *p = OPENSSL_secure_malloc(KEYFILE_MAX + 1);
	size_t got = 0;

	if (p == NULL)
		abort();
	*text = str_bytes(p, 0);
	while (got <= KEYFILE_MAX) {
		ssize_t n = pread(fd, p + got, KEYFILE_MAX + 1 - got, (off_t)got);

		if (n == 0) {
			text->n = got;
			return 0;
		}
		if (n == -1 && errno != EINTR) {
			snprintf(
			    why, KEYFILE_WHY, "reading the %s file: %s", what, strerror(errno));
			return -1;
		}
		got += n > 0 ? (size_t)n : 0;
	}
	snprintf(why, KEYFILE_WHY, "the %s file has more than %d bytes", what, KEYFILE_MAX);
	return -1;
}

void keyfile_wipe(struct str text)
{
	OPENSSL_secure_clear_free((void *)(uintptr_t)text.p, KEYFILE_MAX + 1);
}

/* --- keys ------------------------------------------------------------------------------------- */

static int no_passphrase(char *to, int size, int writing, void *asked)
{
	(void)to;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

EVP_PKEY *keyfile_key(struct str pem, char *why)
{
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	bool asked = false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, &asked);

	BIO_free(b);
	if (key == NULL)
		snprintf(why, KEYFILE_WHY, "the key file %s",
		    asked ? "is encrypted: nobody is there to say its passphrase"
			  : "holds no private key in PEM form");
	return key;
}
