/* Signatures of reports. See sign.h. */
#include "sign.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "mail/domain.h"
#include "proto/keys.h"
#include "proto/proc.h"
#include "proto/types.h"

enum { SIGN_MS = 10 * 1000 };

/* From comes first, which services/keys insists on. Nothing of these may be added on the way. */
static const char *const names[] = { "From", "To", "Subject", "Date", "Message-ID", "Reply-To",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "TLS-Report-Domain",
	"TLS-Report-Submitter", "TLS-Required" };

/* --- the keys there are ----------------------------------------------------------------------- */

struct key {
	uint64_t id;
	char domain[DOMAIN_MAX + 1], selector[DKIM_SELECTOR_MAX + 1];
	char algorithm[DKIM_ALGORITHM_MAX + 1];
};
struct keys {
	struct key at[KEYS_DKIM_KEYS];
	size_t n;
};

static struct keys told, current; /* what is being told; what is in force */

static int on_begin(struct chan *c, struct ipc_msg *m)
{
	(void)c;
	(void)m;
	told.n = 0;
	return 0;
}

static int on_key(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct keys_dkim k;
	struct key *to = &told.at[told.n];

	(void)c;
	if (told.n == KEYS_DKIM_KEYS || get_keys_dkim(&g, &k) == -1 ||
	    str_copy(k.key.domain, to->domain, sizeof to->domain) == -1 ||
	    str_copy(k.key.selector, to->selector, sizeof to->selector) == -1 ||
	    str_copy(k.key.algorithm, to->algorithm, sizeof to->algorithm) == -1)
		return -1;
	to->id = k.id;
	told.n++;
	return 0;
}

static int on_complete(struct chan *c, struct ipc_msg *m)
{
	(void)c;
	(void)m;
	current = told;
	return 0;
}

const struct chan_row sign_rows[] = {
	{ KEYS_BEGIN, 0, on_begin },
	{ KEYS_DKIM, 0, on_key },
	{ KEYS_COMPLETE, 0, on_complete },
	{ 0 },
};

void sign_open(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}

/* --- one message ------------------------------------------------------------------------------ */

static void hash_bytes(void *arg, struct str bytes)
{
	if (EVP_DigestUpdate(arg, bytes.p, bytes.n) != 1)
		abort();
}

static void hash_body(struct str body, uint8_t hash[DKIM_HASH])
{
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	struct dkim_body b;

	if (m == NULL || EVP_DigestInit_ex(m, EVP_sha256(), NULL) != 1)
		abort();
	dkim_body_start(&b, hash_bytes, m);
	dkim_body_feed(&b, body);
	dkim_body_finish(&b);
	if (EVP_DigestFinal_ex(m, hash, NULL) != 1)
		abort();
	EVP_MD_CTX_free(m);
}

static void end(struct signing *s, const char *why)
{
	if (why == NULL && (s->text.full || buf_str(&s->fields, buf_view(&s->text)) == -1))
		why = "it is too large";
	if (why == NULL) {
		buf_clear(&s->text);
		s->text = s->fields;
	} else {
		buf_clear(&s->fields);
	}
	buf_clear(&s->asked);
	s->done(s->arg, why);
}

static void next_key(struct signing *s);

static void on_signature(struct ask *a, struct ipc_msg *m)
{
	struct signing *s = a->arg;
	struct str signature;
	struct get g;

	if (m != NULL) {
		g = get_start(m->body);
		signature = get_str(&g, KEYS_SIGNATURE_MAX);
	}
	if (m == NULL || m->type != KEYS_DKIM_SIGN || get_end(&g) == -1) {
		end(s, "services/keys does not answer");
	} else if (signature.n == 0) {
		end(s, "services/keys refused to sign it");
	} else {
		char *text = xmalloc(BASE64_SIZE(signature.n));

		dkim_field(buf_view(&s->asked), str_bytes(text, base64_encode(signature, text)),
		    &s->fields);
		free(text);
		s->at++;
		next_key(s);
	}
}

static void ask(struct signing *s, const struct key *k)
{
	struct dkim_key key = { str_of(k->domain), str_of(k->selector), str_of(k->algorithm) };
	struct str whole = buf_view(&s->text), end_of_header = STR("\r\n\r\n");
	size_t header = (size_t)str_search(whole, end_of_header) + end_of_header.n;
	struct put w = put_start();
	uint8_t hash[DKIM_HASH];

	hash_body(str_skip(whole, header), hash);
	buf_reset(&s->asked);
	if (dkim_text(&key, str_take(whole, header), names, sizeof names / sizeof *names, hash,
		(int64_t)time(NULL), &s->asked) == -1) {
		end(s, "its header is too large to be signed");
		return;
	}
	put_keys_dkim_question(
	    &w, &(struct keys_dkim_question){ .id = k->id, .text = buf_view(&s->asked) });
	chan_ask(
	    proc_peer(ROLE_KEYS), &s->ask, KEYS_DKIM_SIGN, &w, NULL, 0, SIGN_MS, on_signature, s);
}

static void next_key(struct signing *s)
{
	if (s->at < current.n && s->at < SIGN_KEYS_MAX)
		ask(s, &current.at[s->at]);
	else
		end(s, s->at == 0 ? "no section dkim has a key for tls_report_sender" : NULL);
}

void sign_start(struct signing *s)
{
	s->at = 0;
	buf_init(&s->fields, s->text.max + SIGN_FIELDS);
	buf_init(&s->asked, DKIM_TEXT_MAX);
	next_key(s);
}
