/* Refresh tokens on the disk. See kept.h. */
#include "kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define FRESH "new"

enum { LEFT_SECONDS = 30 * 86400, HASH = 32 };

static int dir = -1;

void kept_open(int fd)
{
	unsigned char hash[HASH];

	dir = fd;
	/* what it loads, it loads now */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
	if (EVP_Digest("", 0, hash, NULL, EVP_sha256(), NULL) != 1)
		abort();
}

void kept_name(const struct entry *e, char name[KEPT_NAME])
{
	const struct str parts[] = { e->endpoint, e->client, e->secret };
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char hash[HASH];

	if (c == NULL || EVP_DigestInit_ex2(c, EVP_sha256(), NULL) != 1)
		abort();
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (EVP_DigestUpdate(c, parts[i].p, parts[i].n) != 1 ||
		    EVP_DigestUpdate(c, "", 1) != 1)
			abort();
	if (EVP_DigestFinal_ex(c, hash, NULL) != 1)
		abort();
	EVP_MD_CTX_free(c);
	for (size_t i = 0; i < HASH; i++)
		snprintf(name + 2 * i, 3, "%02x", hash[i]);
}

int kept_read(const char *name, char out[CREDENTIAL_SECRET_MAX + 1])
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r = -1;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	if (fstat(fd, &st) == 0) {
		errno = EINVAL;
		if (st.st_size > 0 && st.st_size <= CREDENTIAL_SECRET_MAX)
			r = fd_read_at(fd, out, (size_t)st.st_size, 0) == 0 ? 1 : -1;
	}
	if (r == 1)
		out[st.st_size] = '\0';
	close(fd);
	return r;
}

static int write_fresh(struct str token)
{
	int fd, r;

	if (unlinkat(dir, FRESH, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(dir, FRESH, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	r = fd_write_at(fd, token.p, token.n, 0) == -1 ? -1 : fsync(fd);
	return close(fd) == -1 ? -1 : r;
}

int kept_write(const char *name, struct str token)
{
	if (write_fresh(token) == -1 || renameat(dir, FRESH, dir, name) == -1)
		return -1;
	return fsync(dir);
}

/* --- what nobody needs any more --------------------------------------------------------------- */

static bool is_needed(const struct file *f, const char *name)
{
	char of[KEPT_NAME];

	for (size_t i = 0; i < f->n; i++)
		if (f->at[i].kind == CREDENTIAL_TOKEN) {
			kept_name(&f->at[i], of);
			if (strcmp(of, name) == 0)
				return true;
		}
	return false;
}

void kept_tidy(const struct file *f, int64_t now)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat st;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (strlen(e->d_name) == KEPT_NAME - 1 &&
		    fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    now - st.st_mtime > LEFT_SECONDS && !is_needed(f, e->d_name))
			unlinkat(dir, e->d_name, 0);
	closedir(d);
}
