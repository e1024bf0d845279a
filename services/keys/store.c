/* The certificates of the configuration. See store.h. */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "anchors.h"
#include "base/alloc.h"
#include "base/log.h"
#include "dkim.h"
#include "json.h"
#include "proto/keys.h"
#include "proto/service.h"

enum {
	FILES_MAX = 2 * KEYS_CERTIFICATES + KEYS_ANCHOR_FILES + KEYS_DKIM_KEYS,
	RETIRED_MAX = 2 * KEYS_CERTIFICATES,
	RETIRED_SECONDS = 120, /* more than a handshake may take */
};

static struct slot slots[KEYS_CERTIFICATES];
static size_t nslots;

/* The files of one look. */
static struct file {
	char *path;
	int fd, error;
} files[FILES_MAX];
static size_t nfiles;

/* Replaced ones. */
static struct {
	struct pair *pair;
	uint32_t roles;
	int64_t until;
} retired[RETIRED_MAX];
static size_t nretired;

size_t store_count(void)
{
	return nslots;
}

const struct slot *store_slot(size_t i)
{
	return &slots[i];
}

/* --- the configuration ------------------------------------------------------------------------ */

static bool names_it(const struct conf_section *listener, struct str name)
{
	size_t n = section_count(listener, "certificates");

	for (size_t i = 0; i < n; i++)
		if (str_eq(section_item(listener, "certificates", i), name))
			return true;
	return n == 0;
}

/* A key serves those only whose listeners, or settings, name it. */
static uint32_t roles_of(const struct conf *c, struct str name)
{
	const struct conf_section *l;
	uint32_t roles = 0;

	if (str_eq(name, conf_str(c, "remote_client_certificate")))
		roles |= ROLE_BIT(ROLE_REMOTE);
	for (size_t i = 0; (l = conf_section(c, "listener", i)) != NULL; i++)
		if (names_it(l, name))
			roles |= ROLE_BIT(service_find(section_str(l, "service"))->role);
	return roles;
}

static void retire(struct slot *s, int64_t now)
{
	if (s->pair == NULL)
		return;
	if (nretired == RETIRED_MAX) {
		pair_free(retired[0].pair);
		memmove(&retired[0], &retired[1], --nretired * sizeof *retired);
	}
	retired[nretired].pair = s->pair;
	retired[nretired].roles = s->roles;
	retired[nretired++].until = now + RETIRED_SECONDS;
	s->pair = NULL;
}

static void drop_retired(int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < nretired; i++)
		if (retired[i].until > now)
			retired[kept++] = retired[i];
		else
			pair_free(retired[i].pair);
	nretired = kept;
}

static void free_slot(struct slot *s)
{
	free(s->name);
	free(s->certificate_path);
	free(s->key_path);
	pair_free(s->pair);
}

void store_configure(const struct conf *c)
{
	struct slot old[KEYS_CERTIFICATES];
	const struct conf_section *section;
	size_t nold = nslots;

	anchors_configure(c);
	dkim_configure(c);
	memcpy(old, slots, sizeof old);
	memset(slots, 0, sizeof slots);
	nslots = 0;
	while (nslots < KEYS_CERTIFICATES &&
	       (section = conf_section(c, "certificate", nslots)) != NULL) {
		struct slot *s = &slots[nslots++];

		*s = (struct slot){
			.name = str_dup(section_title(section)),
			.certificate_path = str_dup(section_str(section, "certificate")),
			.key_path = str_dup(section_str(section, "key")),
			.roles = roles_of(c, section_title(section)),
			.days_told = INT32_MAX,
		};
		for (size_t i = 0; i < nold; i++)
			if (strcmp(old[i].name, s->name) == 0) {
				s->pair = old[i].pair;
				old[i].pair = NULL;
			}
	}
	for (size_t i = 0; i < nold; i++)
		free_slot(&old[i]);
}

/* --- files ------------------------------------------------------------------------------------ */

void store_file(struct str path, int *fd, int error)
{
	if (nfiles == FILES_MAX) {
		if (*fd != -1)
			close(*fd);
	} else {
		files[nfiles++] = (struct file){ str_dup(path), *fd, error };
	}
	*fd = -1;
}

/* The descriptor of that path, or -1 with a sentence. */
static int find_file(const char *path, char *why)
{
	int error = ENOENT;

	for (size_t i = 0; i < nfiles; i++)
		if (strcmp(files[i].path, path) == 0) {
			if (files[i].fd != -1)
				return files[i].fd;
			error = files[i].error;
		}
	snprintf(why, KEYFILE_WHY, "%.100s: %s", path, strerror(error));
	return -1;
}

static void close_files(void)
{
	for (size_t i = 0; i < nfiles; i++) {
		if (files[i].fd != -1)
			close(files[i].fd);
		free(files[i].path);
	}
	nfiles = 0;
}

static struct pair *load(const struct slot *s, char *why)
{
	int certificate = find_file(s->certificate_path, why);
	int key = certificate == -1 ? -1 : find_file(s->key_path, why);

	return key == -1 ? NULL : pair_load(certificate, key, why);
}

static bool same(const struct pair *a, const struct pair *b)
{
	if (a->id != b->id || a->certificate.n != b->certificate.n)
		return false;
	for (unsigned i = 0; i < a->certificate.n; i++)
		if (!str_eq(a->certificate.chain[i], b->certificate.chain[i]))
			return false;
	return true;
}

/*
 * One that is out of its dates replaces none that is valid; but it is better than nothing, because
 * most hosts that send mail do not look at them.
 */
static bool is_better(const struct slot *s, const struct pair *fresh, int64_t now, char *why)
{
	const char *fault = pair_date_fault(fresh, now);

	if (fault == NULL || s->pair == NULL || pair_date_fault(s->pair, now) != NULL)
		return true;
	snprintf(why, KEYFILE_WHY, "%s", fault);
	return false;
}

static void log_loaded(const struct slot *s, int64_t now)
{
	const struct pair *p = s->pair;
	const char *fault = pair_fault(p, now);

	log_event(fault == NULL ? LEVEL_NOTICE : LEVEL_ERROR, NULL, EV("certificate-loaded"),
	    LOG_KVS(KZ("name", s->name), KZ("hosts", p->names), KZ("kind", p->kind),
		KI("bits", p->bits), KI("days", pair_days(p, now)), KZ("but", fault)));
}

static void log_refused(const struct slot *s, const char *why)
{
	log_error(NULL, EV("certificate-refused"), KZ("name", s->name), KZ("why", why),
	    KZ("in_use", s->pair == NULL ? "none" : "the one before"));
}

/* Whether the pair in use has changed. */
static bool take_one(struct slot *s, int64_t now, bool loud)
{
	char why[KEYFILE_WHY] = "";
	struct pair *fresh = load(s, why);
	bool good = fresh != NULL && is_better(s, fresh, now, why);
	bool news = good && (s->pair == NULL || !same(s->pair, fresh));

	if (news) {
		retire(s, now);
		s->pair = fresh;
		s->days_told = INT32_MAX;
		log_loaded(s, now);
	} else {
		pair_free(fresh);
	}
	if (!good && (loud || strcmp(why, s->why) != 0))
		log_refused(s, why);
	memcpy(s->why, why, sizeof why);
	return news;
}

bool store_take(int64_t now, bool loud)
{
	bool news = false;

	for (size_t i = 0; i < nslots; i++)
		news |= take_one(&slots[i], now, loud);
	news |= anchors_take(find_file, loud);
	news |= dkim_take(find_file, loud);
	close_files();
	drop_retired(now);
	return news;
}

void store_warn(int64_t now, int64_t within)
{
	for (size_t i = 0; i < nslots; i++) {
		struct slot *s = &slots[i];
		int days = s->pair == NULL ? INT32_MAX : pair_days(s->pair, now);

		if (s->pair == NULL || s->pair->not_after - now > within || days >= s->days_told)
			continue;
		s->days_told = days;
		log_warning(NULL, EV("certificate-expires"), KZ("name", s->name), KI("days", days));
	}
}

EVP_PKEY *store_key(uint64_t id, enum role role)
{
	for (size_t i = 0; i < nslots; i++)
		if (slots[i].pair != NULL && slots[i].pair->id == id &&
		    (slots[i].roles & ROLE_BIT(role)) != 0)
			return slots[i].pair->key;
	for (size_t i = 0; i < nretired; i++)
		if (retired[i].pair->id == id && (retired[i].roles & ROLE_BIT(role)) != 0)
			return retired[i].pair->key;
	return NULL;
}

void store_describe(const struct slot *s, int64_t now, struct buf *out)
{
	const struct pair *p = s->pair;

	buf_z(out, "{\"certificate\":");
	json_text(out, s->name);
	buf_z(out, ",\"hosts\":");
	json_text(out, p == NULL ? "" : p->names);
	buf_z(out, ",\"kind\":");
	json_text(out, p == NULL ? "" : p->kind);
	buf_printf(out, ",\"bits\":%u,\"not_before\":%lld,\"not_after\":%lld,\"days\":%d",
	    p == NULL ? 0 : p->bits, (long long)(p == NULL ? 0 : p->not_before),
	    (long long)(p == NULL ? 0 : p->not_after), p == NULL ? 0 : pair_days(p, now));
	buf_printf(out, ",\"in_use\":%s,\"fault\":", p == NULL ? "false" : "true");
	json_text(out, s->why[0] != '\0' || p == NULL ? s->why
		       : pair_fault(p, now) == NULL   ? ""
						      : pair_fault(p, now));
	buf_char(out, '}');
}

void store_clear(void)
{
	for (size_t i = 0; i < nslots; i++)
		free_slot(&slots[i]);
	nslots = 0;
	anchors_clear();
	dkim_clear();
	close_files();
	drop_retired(INT64_MAX);
}
