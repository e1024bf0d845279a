/* Whose client certificates are trusted. See anchors.h. */
#include "anchors.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "keyfile.h"
#include "proto/service.h"

struct set {
	size_t n, bytes;
	struct str der[KEYS_ANCHORS];
};

static char *paths[KEYS_ANCHOR_FILES];
static size_t npaths;
static uint32_t roles; /* ROLE_BIT */
static struct set current;
static char told[KEYFILE_WHY]; /* why the files were not taken at the last look */

static void clear_set(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		str_free(&s->der[i]);
	*s = (struct set){ 0 };
}

void anchors_configure(const struct conf *c)
{
	const struct conf_section *l;

	for (size_t i = 0; i < npaths; i++)
		free(paths[i]);
	for (npaths = 0; npaths < KEYS_ANCHOR_FILES && npaths < conf_count(c, "tls_client_ca");
	     npaths++)
		paths[npaths] = str_dup(conf_item(c, "tls_client_ca", npaths));
	roles = 0;
	for (size_t i = 0; (l = conf_section(c, "listener", i)) != NULL; i++)
		if (!str_eq(section_str(l, "client_certificates"), STR("off")))
			roles |= ROLE_BIT(service_find(section_str(l, "service"))->role);
}

/* --- files ------------------------------------------------------------------------------------ */

static int add(struct set *s, X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	bool fits = n > 0 && s->n < KEYS_ANCHORS && s->bytes + (size_t)n <= KEYS_CHAIN_BYTES;

	if (fits) {
		s->bytes += (size_t)n;
		s->der[s->n].p = str_dup(str_bytes(der, (size_t)n));
		s->der[s->n++].n = (size_t)n;
	}
	OPENSSL_free(der);
	return fits ? 0 : -1;
}

static int parse(struct set *s, struct str pem, const char *path, char *why)
{
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	size_t before = s->n;
	X509 *x;
	int r = 0;

	ERR_clear_error();
	while (r == 0 && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
		r = add(s, x);
		X509_free(x);
	}
	BIO_free(b);
	if (r == -1)
		snprintf(why, KEYFILE_WHY, "more than %d certificates, or %d bytes of them",
		    KEYS_ANCHORS, KEYS_CHAIN_BYTES);
	if (r == 0 &&
	    (s->n == before || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)) {
		snprintf(why, KEYFILE_WHY, "%.100s: not certificates in PEM form", path);
		r = -1;
	}
	ERR_clear_error();
	return r;
}

static int load(
    struct set *s, const char *path, int (*find)(const char *path, char *why), char *why)
{
	int fd = find(path, why), r = -1;
	struct str text = { NULL, 0 };

	if (fd != -1 && keyfile_read(fd, &text, "tls_client_ca", why) == 0)
		r = parse(s, text, path, why);
	keyfile_wipe(text);
	return r;
}

static bool same(const struct set *a, const struct set *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!str_eq(a->der[i], b->der[i]))
			return false;
	return true;
}

bool anchors_take(int (*find)(const char *path, char *why), bool loud)
{
	struct set fresh = { 0 };
	char why[KEYFILE_WHY] = "";
	bool news = false;
	int r = 0;

	for (size_t i = 0; i < npaths && r == 0; i++)
		r = load(&fresh, paths[i], find, why);
	if (r == -1 && (loud || strcmp(why, told) != 0))
		log_error(NULL, EV("client-ca-refused"), KZ("why", why), KI("in_use", current.n));
	memcpy(told, why, sizeof told);
	if (r == 0 && !same(&fresh, &current)) {
		clear_set(&current);
		current = fresh;
		log_notice(NULL, EV("client-ca-loaded"), KI("certificates", current.n));
		news = true;
	} else {
		clear_set(&fresh);
	}
	return news;
}

const struct str *anchors(size_t *n)
{
	*n = current.n;
	return current.der;
}

bool anchors_for(enum role role)
{
	return (roles & ROLE_BIT(role)) != 0;
}

void anchors_clear(void)
{
	for (size_t i = 0; i < npaths; i++)
		free(paths[i]);
	npaths = 0;
	roles = 0;
	told[0] = '\0';
	clear_set(&current);
}
