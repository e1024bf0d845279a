/* The keys of DKIM. See dkim.h. */
#include "dkim.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/log.h"
#include "json.h"
#include "keyfile.h"
#include "proto/reporter.h"

enum {
	RSA_BITS_MIN = 2048, /* RFC 8301 3.2 */
	RSA_BITS_MAX = 4096, /* what verifiers have to take */
	ED25519_BYTES = 32,
};

static const struct kind {
	const char *type; /* of OpenSSL's key */
	const char *algorithm, *record; /* in signatures, and in the key's record */
} kinds[] = {
	{ "RSA", "rsa-sha256", "rsa" }, { "ED25519", "ed25519-sha256", "ed25519" }, /* RFC 8463 */
};

struct slot {
	char *name, *domain, *selector, *path;
	EVP_PKEY *key; /* in use; NULL = none yet */
	uint64_t id; /* of its public half */
	const struct kind *kind;
	char why[KEYFILE_WHY]; /* why the file was not taken at the last look; "" = it was */
};

static struct slot slots[KEYS_DKIM_KEYS];
static size_t nslots;
static char reporter[REPORTER_MAX + 1];

/* --- the configuration ------------------------------------------------------------------------ */

static void free_slot(struct slot *s)
{
	free(s->name);
	free(s->domain);
	free(s->selector);
	free(s->path);
	EVP_PKEY_free(s->key);
}

static char *lower(struct str s)
{
	char *z = str_dup(s);

	for (char *p = z; *p != '\0'; p++)
		*p = ascii_lower(*p);
	return z;
}

void dkim_configure(const struct conf *c)
{
	const struct conf_section *section;
	struct slot old[KEYS_DKIM_KEYS];
	size_t nold = nslots;

	reporter_address(c, reporter);
	memcpy(old, slots, sizeof old);
	memset(slots, 0, sizeof slots);
	for (nslots = 0;
	     nslots < KEYS_DKIM_KEYS && (section = conf_section(c, "dkim", nslots)) != NULL;
	     nslots++) {
		struct slot *s = &slots[nslots];

		s->name = str_dup(section_title(section));
		s->domain = lower(section_str(section, "domain"));
		s->selector = lower(section_str(section, "selector"));
		s->path = str_dup(section_str(section, "key"));
		for (size_t i = 0; i < nold; i++)
			if (old[i].key != NULL && strcmp(old[i].name, s->name) == 0) {
				s->key = old[i].key;
				s->id = old[i].id;
				s->kind = old[i].kind;
				old[i].key = NULL;
			}
	}
	for (size_t i = 0; i < nold; i++)
		free_slot(&old[i]);
}

/* --- files ------------------------------------------------------------------------------------ */

static const struct kind *kind_of(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (EVP_PKEY_is_a(key, kinds[i].type))
			return i == 0 && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) ? NULL
										      : &kinds[i];
	return NULL;
}

static uint64_t id_of(EVP_PKEY *key)
{
	unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	uint64_t id;

	if (n <= 0 || EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) != 1)
		abort();
	OPENSSL_free(der);
	memcpy(&id, digest, sizeof id);
	return id;
}

static EVP_PKEY *load(const struct slot *s, int (*find)(const char *path, char *why), char *why)
{
	struct str text = { NULL, 0 };
	int fd = find(s->path, why);
	EVP_PKEY *key = NULL;

	ERR_clear_error();
	if (fd != -1 && keyfile_read(fd, &text, "key", why) == 0)
		key = keyfile_key(text, why);
	keyfile_wipe(text);
	if (key != NULL && kind_of(key) == NULL) {
		snprintf(why, KEYFILE_WHY, "keys can be RSA of %d to %d bits, or Ed25519",
		    RSA_BITS_MIN, RSA_BITS_MAX);
		EVP_PKEY_free(key);
		key = NULL;
	}
	ERR_clear_error();
	return key;
}

static bool take_one(struct slot *s, int (*find)(const char *path, char *why), bool loud)
{
	char why[KEYFILE_WHY] = "";
	EVP_PKEY *key = load(s, find, why);
	bool news = key != NULL && (s->key == NULL || EVP_PKEY_eq(s->key, key) != 1);

	if (news) {
		EVP_PKEY_free(s->key);
		s->key = key;
		s->kind = kind_of(key);
		s->id = id_of(key);
		log_notice(NULL, EV("dkim-key-loaded"), KZ("name", s->name),
		    KZ("domain", s->domain), KZ("selector", s->selector), KZ("kind", s->kind->type),
		    KI("bits", EVP_PKEY_get_bits(key)));
	} else {
		EVP_PKEY_free(key);
	}
	if (why[0] != '\0' && (loud || strcmp(why, s->why) != 0))
		log_error(NULL, EV("dkim-key-refused"), KZ("name", s->name), KZ("why", why),
		    KZ("in_use", s->key == NULL ? "none" : "the one before"));
	memcpy(s->why, why, sizeof why);
	return news;
}

bool dkim_take(int (*find)(const char *path, char *why), bool loud)
{
	bool news = false;

	for (size_t i = 0; i < nslots; i++)
		news |= take_one(&slots[i], find, loud);
	return news;
}

/* --- who may have what ------------------------------------------------------------------------ */

static bool is_for(const struct slot *s, enum role role)
{
	return role == ROLE_POLICY && s->key != NULL && reporter_is_of(reporter, str_of(s->domain));
}

static struct dkim_key words(const struct slot *s)
{
	return (struct dkim_key){ .domain = str_of(s->domain),
		.selector = str_of(s->selector),
		.algorithm = str_of(s->kind->algorithm) };
}

void dkim_each(enum role role, void (*fn)(void *arg, const struct keys_dkim *k), void *arg)
{
	for (size_t i = 0; i < nslots; i++)
		if (is_for(&slots[i], role))
			fn(arg, &(struct keys_dkim){ .id = slots[i].id, .key = words(&slots[i]) });
}

/* The one From field comes first, and is the reporter's. */
static bool is_report(struct str text)
{
	struct str from = STR("from:<"), end = STR(">\r\n");
	struct str address = str_of(reporter), rest;

	if (!str_starts(text, from))
		return false;
	rest = str_skip(text, from.n);
	return str_starts(rest, address) && str_starts(str_skip(rest, address.n), end) &&
	       str_search(rest, STR("\nfrom:")) == -1;
}

static bool make(EVP_PKEY *key, const struct kind *k, struct str text, uint8_t *out, size_t *n)
{
	uint8_t hash[DKIM_HASH];
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	bool of_hash = k != &kinds[0]; /* RFC 8463 3: Ed25519 signs the hash, RSA makes it */
	const uint8_t *p = of_hash ? hash : (const uint8_t *)text.p;
	bool good = m != NULL &&
		    (!of_hash || EVP_Digest(text.p, text.n, hash, NULL, EVP_sha256(), NULL) == 1);

	*n = KEYS_SIGNATURE_MAX;
	good = good && EVP_DigestSignInit(m, NULL, of_hash ? NULL : EVP_sha256(), NULL, key) == 1 &&
	       EVP_DigestSign(m, out, n, p, of_hash ? sizeof hash : text.n) == 1;
	EVP_MD_CTX_free(m);
	ERR_clear_error();
	return good;
}

const char *dkim_sign(uint64_t id, enum role role, struct str text, uint8_t *out, size_t *n)
{
	const char *why = "no such key for this peer";

	for (size_t i = 0; i < nslots; i++) {
		const struct slot *s = &slots[i];
		struct dkim_key key;

		if (!is_for(s, role) || s->id != id)
			continue;
		key = words(s);
		if (!dkim_is_for(text, &key))
			why = "not a text of DKIM for that key"; /* another domain may have the same */
		else if (!is_report(text))
			return "not a report's";
		else
			return make(s->key, s->kind, text, out, n) ? NULL : "the signature failed";
	}
	return why;
}

/* --- for thurn dkim --------------------------------------------------------------------------- */

/* RFC 6376 3.6.1: the public half; of Ed25519 without its frame (RFC 8463 4). */
static void put_record(const struct slot *s, struct buf *out)
{
	unsigned char raw[ED25519_BYTES], *der = NULL;
	size_t n = sizeof raw;
	struct str bytes;
	char *text;

	if (EVP_PKEY_get_raw_public_key(s->key, raw, &n) == 1) {
		bytes = str_bytes(raw, n);
	} else {
		int size = i2d_PUBKEY(s->key, &der);

		bytes = str_bytes(der, size > 0 ? (size_t)size : 0);
	}
	text = xmalloc(BASE64_SIZE(bytes.n));
	buf_printf(out, "v=DKIM1; k=%s; s=email:tlsrpt; p=%.*s", s->kind->record,
	    (int)base64_encode(bytes, text), text);
	free(text);
	OPENSSL_free(der);
	ERR_clear_error();
}

size_t dkim_count(void)
{
	return nslots;
}

bool dkim_describe(size_t i, struct buf *out)
{
	const struct slot *s = &slots[i];

	buf_z(out, "{\"dkim\":");
	json_text(out, s->name);
	buf_z(out, ",\"domain\":");
	json_text(out, s->domain);
	buf_z(out, ",\"selector\":");
	json_text(out, s->selector);
	buf_printf(out, ",\"kind\":\"%s\",\"bits\":%d,\"in_use\":%s,\"fault\":",
	    s->key == NULL ? "" : s->kind->type, s->key == NULL ? 0 : EVP_PKEY_get_bits(s->key),
	    s->key == NULL ? "false" : "true");
	json_text(out, s->why);
	buf_z(out, ",\"record\":\"");
	if (s->key != NULL)
		put_record(s, out);
	buf_z(out, "\"}");
	return s->key != NULL && s->why[0] == '\0';
}

void dkim_clear(void)
{
	for (size_t i = 0; i < nslots; i++)
		free_slot(&slots[i]);
	nslots = 0;
}
