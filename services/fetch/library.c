/* libcurl. See library.h. */
#include "library.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "limits.h"
#include "net/dns.h"

struct handles {
	struct exchange *x;
	CURL *easy;
	CURLSH *names; /* a cache of addresses for this exchange alone */
	struct curl_slist *resolve, *headers;
	size_t header_bytes;
	char why[CURL_ERROR_SIZE];
	struct ip ips[ADDRESSES_MAX];
	unsigned nips;
};

/* A socket of the library's. */
struct watched {
	struct watch watch;
	curl_socket_t fd;
};

static CURLM *multi;
static struct timer timer;
static struct str trusted;

/* --- URLs ------------------------------------------------------------------------------------- */

static int get_part(CURLU *u, CURLUPart what, unsigned flags, char *out, size_t size)
{
	char *text = NULL;
	int r = curl_url_get(u, what, &text, flags) == CURLUE_OK ? str_copy(str_of(text), out, size)
								 : -1;

	curl_free(text);
	return r;
}

static bool has_part(CURLU *u, CURLUPart what)
{
	char *text = NULL;
	bool has = curl_url_get(u, what, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

/* The library would forgive more. */
static bool well_formed(struct str url)
{
	struct str rest = str_skip(url, sizeof "https://" - 1);

	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || url.p[i] == '\\')
			return false;
	return str_casestarts(url, STR("https://")) && rest.n > 0 && rest.p[0] != '/';
}

/*
 * The library takes %-encoded bytes for a part of the name; and a "-" before the name of an entry of
 * its address cache for a wish to forget it, and would then look for addresses itself.
 */
static bool valid_host(struct str host)
{
	struct ip ip;

	return ip_parse(host, &ip) == 0 ||
	       (dns_name_valid(host) && str_find(host, '/') == -1 && host.p[0] != '-');
}

static int take_parts(CURLU *u, uint16_t otherwise, struct place *p)
{
	char port[8] = "";
	uint64_t n = otherwise;
	size_t end;

	if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD) ||
	    has_part(u, CURLUPART_FRAGMENT) ||
	    get_part(u, CURLUPART_HOST, 0, p->host, sizeof p->host) == -1)
		return -1;
	if (has_part(u, CURLUPART_PORT) &&
	    (get_part(u, CURLUPART_PORT, 0, port, sizeof port) == -1 ||
		str_u64(str_of(port), UINT16_MAX, &n) == -1 || n == 0))
		return -1;
	p->port = (uint16_t)n;
	snprintf(port, sizeof port, "%u", p->port);
	if (curl_url_set(u, CURLUPART_PORT, port, 0) != CURLUE_OK ||
	    get_part(u, CURLUPART_URL, CURLU_NO_DEFAULT_PORT, p->url, sizeof p->url) == -1)
		return -1;
	for (char *c = p->host; *c != '\0'; c++)
		*c = ascii_lower(*c);
	end = strlen(p->host);
	if (p->host[0] == '[' && p->host[end - 1] == ']') {
		memmove(p->host, p->host + 1, end - 2);
		p->host[end - 2] = '\0';
	}
	return valid_host(str_of(p->host)) ? 0 : -1;
}

int place_parse(struct str url, uint16_t port, struct place *p)
{
	char text[FETCH_URL_MAX + 1];
	CURLU *u;
	int r = -1;

	*p = (struct place){ .port = 0 };
	if (!well_formed(url) || str_copy(url, text, sizeof text) == -1)
		return -1;
	u = curl_url();
	if (u == NULL)
		abort();
	if (curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK)
		r = take_parts(u, port, p);
	curl_url_cleanup(u);
	return r;
}

/* --- what the library calls ------------------------------------------------------------------- */

/* The one place where a socket is made: for an address that this exchange was given. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	const struct handles *h = arg;
	struct ip ip;

	ip_from_sockaddr(&a->addr, &ip);
	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKET_BAD;
	for (unsigned i = 0; i < h->nips; i++)
		if (ip_eq(&ip, &h->ips[i]))
			return socket(a->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return CURL_SOCKET_BAD;
}

static size_t on_bytes(char *p, size_t size, size_t n, void *arg)
{
	struct handles *h = arg;

	return buf_put(&h->x->answer, p, size * n) == -1 ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct handles *h = arg;

	(void)p;
	h->header_bytes += size * n;
	return h->header_bytes > HEADER_BYTES_MAX ? 0 : size * n;
}

/* --- events ----------------------------------------------------------------------------------- */

static enum fetch_outcome outcome_of(CURLcode code, const struct handles *h)
{
	static const struct {
		CURLcode code;
		enum fetch_outcome outcome;
	} rows[] = {
		{ CURLE_OK, FETCH_ANSWERED },
		{ CURLE_COULDNT_CONNECT, FETCH_NO_CONNECTION },
		{ CURLE_SSL_CONNECT_ERROR, FETCH_NO_CONNECTION },
		{ CURLE_PEER_FAILED_VERIFICATION, FETCH_BAD_CERTIFICATE },
		{ CURLE_OPERATION_TIMEDOUT, FETCH_TIMEOUT },
		{ CURLE_FILESIZE_EXCEEDED, FETCH_TOO_LARGE },
	};

	if (h->x->answer.full || h->header_bytes > HEADER_BYTES_MAX)
		return FETCH_TOO_LARGE;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].code == code)
			return rows[i].outcome;
	return FETCH_NO_ANSWER;
}

static void ended(struct handles *h, CURLcode code)
{
	struct exchange *x = h->x;
	long status = 0;

	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &x->type);
	x->outcome = outcome_of(code, h);
	x->status = status >= 100 && status <= 999 ? (unsigned)status : 0;
	if (x->outcome == FETCH_ANSWERED && x->status == 0)
		x->outcome = FETCH_NO_ANSWER;
	x->bytes = h->header_bytes + x->answer.n;
	x->why = x->outcome == FETCH_TOO_LARGE ? "the answer is too large"
		 : h->why[0] != '\0'           ? h->why
					       : curl_easy_strerror(code);
	x->done(x);
}

static void collect(void)
{
	const CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(multi, &left)) != NULL) {
		char *h = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &h);
		ended((struct handles *)(void *)h, m->data.result);
	}
}

static void act(curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(multi, fd, what, &running);
	collect();
}

static void on_ready(void *arg, unsigned what)
{
	const struct watched *w = arg;

	act(w->fd, ((what & WATCH_READ) != 0 ? CURL_CSELECT_IN : 0) |
		       ((what & WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *mine)
{
	struct watched *w = mine;

	(void)easy;
	(void)arg;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			watch_clear(&w->watch);
		free(w);
		return 0;
	}
	if (w == NULL) {
		w = xcalloc(1, sizeof *w);
		w->fd = fd;
		curl_multi_assign(multi, fd, w);
	}
	watch_set(&w->watch, fd,
	    ((what & CURL_POLL_IN) != 0 ? WATCH_READ : 0u) |
		((what & CURL_POLL_OUT) != 0 ? WATCH_WRITE : 0u),
	    on_ready, w);
	return 0;
}

static void on_time(void *arg)
{
	(void)arg;
	act(CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *m, long ms, void *arg)
{
	(void)m;
	(void)arg;
	if (ms < 0)
		timer_clear(&timer);
	else
		timer_set(&timer, (uint64_t)ms, on_time, NULL);
	return 0;
}

/* --- options ---------------------------------------------------------------------------------- */

/* What no request may have otherwise. */
static void set_safety(CURL *e)
{
	static const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_SSL_VERIFYPEER, 1 },
		{ CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
		{ CURLOPT_SSL_SESSIONID_CACHE, 0 },
		{ CURLOPT_SSL_ENABLE_ALPN, 0 },
		{ CURLOPT_FORBID_REUSE, 1 },
		{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
		{ CURLOPT_HTTPAUTH, CURLAUTH_NONE },
		{ CURLOPT_EXPECT_100_TIMEOUT_MS, 0 },
		{ CURLOPT_NOPROGRESS, 1 },
		{ CURLOPT_HTTP09_ALLOWED, 0 },
	};
	struct curl_blob anchors = {
		.data = (void *)(uintptr_t)trusted.p, .len = trusted.n, .flags = CURL_BLOB_NOCOPY
	};

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (curl_easy_setopt(e, numbers[i].option, numbers[i].value) != CURLE_OK)
			abort();
	if (curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_PROXY, "") != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_NOPROXY, "*") != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_CAPATH, NULL) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_CAINFO, NULL) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &anchors) != CURLE_OK)
		abort();
}

static void add(struct curl_slist **list, const char *text)
{
	*list = curl_slist_append(*list, text);
	if (*list == NULL)
		abort();
}

/* For the library's address cache; a host that is an address has no entry there. */
static void set_entry(struct handles *h, const struct place *p)
{
	struct buf b;
	char text[IP_TEXT];
	struct ip ip;

	if (ip_parse(str_of(p->host), &ip) == 0)
		return;
	buf_init(&b, HOST_TEXT + ADDRESSES_MAX * (IP_TEXT + 3) + 16);
	buf_printf(&b, "%s:%u:", p->host, p->port);
	for (unsigned i = 0; i < h->nips; i++) {
		ip_format(&h->ips[i], text);
		buf_printf(&b, h->ips[i].family == 6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "", text);
	}
	add(&h->resolve, buf_cstr(&b));
	buf_clear(&b);
}

static void set_addresses(struct handles *h, const struct request *r)
{
	h->nips = r->nips < ADDRESSES_MAX ? r->nips : ADDRESSES_MAX;
	for (unsigned i = 0; i < h->nips; i++)
		h->ips[i] = r->ips[i];
	set_entry(h, r->place);
	h->names = curl_share_init();
	if (h->names == NULL ||
	    curl_share_setopt(h->names, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK)
		abort();
	curl_easy_setopt(h->easy, CURLOPT_SHARE, h->names);
	curl_easy_setopt(h->easy, CURLOPT_RESOLVE, h->resolve);
}

static void set_headers(struct handles *h, const struct request *r)
{
	char line[FETCH_AUTHORIZATION_MAX + 32];

	add(&h->headers, "Accept: */*");
	add(&h->headers, "Expect:");
	if (r->content_type != NULL) {
		snprintf(line, sizeof line, "Content-Type: %s", r->content_type);
		add(&h->headers, line);
	}
	if (r->authorization.n > 0) {
		snprintf(line, sizeof line, "Authorization: %.*s", STR_ARG(r->authorization));
		add(&h->headers, line);
		explicit_bzero(line, sizeof line);
	}
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
}

static void set_request(struct handles *h, const struct request *r)
{
	CURL *e = h->easy;
	bool ok = curl_easy_setopt(e, CURLOPT_URL, r->place->url) == CURLE_OK;

	set_safety(e);
	set_addresses(h, r);
	set_headers(h, r);
	if (r->post) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)r->body.n);
		ok = ok && curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS,
			       r->body.n > 0 ? r->body.p : "") == CURLE_OK;
	}
	if (!ok)
		abort();
	curl_easy_setopt(e, CURLOPT_USERAGENT, "thurn");
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->ms);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)r->ms);
	curl_easy_setopt(e, CURLOPT_MAXFILESIZE, (long)r->answer_max);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, h);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->why);
	curl_easy_setopt(e, CURLOPT_PRIVATE, h);
}

/* --- exchanges -------------------------------------------------------------------------------- */

void exchange_begin(struct exchange *x, const struct request *r, void (*done)(struct exchange *x))
{
	struct handles *h = xcalloc(1, sizeof *h);

	*x = (struct exchange){ .done = done, .handles = h };
	buf_init(&x->answer, r->answer_max);
	h->x = x;
	h->easy = curl_easy_init();
	if (h->easy == NULL)
		abort();
	set_request(h, r);
	if (curl_multi_add_handle(multi, h->easy) != CURLM_OK)
		abort();
}

void exchange_clear(struct exchange *x)
{
	struct handles *h = x->handles;

	x->handles = NULL;
	buf_clear(&x->answer);
	if (h == NULL)
		return;
	curl_multi_remove_handle(multi, h->easy);
	curl_easy_cleanup(h->easy);
	curl_share_cleanup(h->names);
	curl_slist_free_all(h->resolve);
	for (struct curl_slist *l = h->headers; l != NULL; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(h->headers);
	free(h);
}

int library_open(struct str anchors)
{
	trusted = anchors;
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -1;
	multi = curl_multi_init();
	if (multi == NULL)
		return -1;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS_MAX);
	return 0;
}
