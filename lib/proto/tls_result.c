/* How TLS went with other hosts. See tls_result.h. */
#include "proto/tls_result.h"

#include "net/dns.h"
#include "proto/resolve.h"

const char *tls_policy_type_name(uint8_t type)
{
	static const char *const names[TLS_POLICY_TYPES] = { "no-policy-found", "sts", "tlsa" };

	return type < TLS_POLICY_TYPES ? names[type] : "?";
}

const char *tls_failure_name(uint8_t failure)
{
	static const char *const names[TLS_FAILURES] = {
		[TLS_FAILED_NOT] = "",
		[TLS_FAILED_STARTTLS] = "starttls-not-supported",
		[TLS_FAILED_NAME] = "certificate-host-mismatch",
		[TLS_FAILED_EXPIRED] = "certificate-expired",
		[TLS_FAILED_TRUST] = "certificate-not-trusted",
		[TLS_FAILED_OTHERWISE] = "validation-failure",
		[TLS_FAILED_TLSA] = "tlsa-invalid",
		[TLS_FAILED_DNSSEC] = "dnssec-invalid",
		[TLS_FAILED_NO_DANE] = "dane-required",
		[TLS_FAILED_STS_FETCH] = "sts-policy-fetch-error",
		[TLS_FAILED_STS_POLICY] = "sts-policy-invalid",
		[TLS_FAILED_STS_WEB] = "sts-webpki-invalid",
	};

	return failure < TLS_FAILURES ? names[failure] : "?";
}

void put_tls_result(struct put *w, const struct tls_result *r)
{
	put_str(w, r->domain);
	put_u8(w, r->type);
	put_u8(w, r->failure);
	put_str(w, r->base);
	put_u32(w, r->nstrings);
	for (uint32_t i = 0; i < r->nstrings; i++)
		put_str(w, r->strings[i]);
	put_str(w, r->host);
	put_ip(w, &r->ours);
	put_ip(w, &r->theirs);
	put_str(w, str_take(r->reason, TLS_RESULT_REASON_MAX));
}

int get_tls_result(struct get *g, struct tls_result *r)
{
	r->domain = get_line(g, DNS_NAME_MAX);
	r->type = get_u8(g);
	r->failure = get_u8(g);
	r->base = get_line(g, DNS_NAME_MAX);
	r->nstrings = get_u32(g);
	if (r->nstrings > TLS_RESULT_STRINGS) {
		g->bad = true;
		r->nstrings = 0;
	}
	for (uint32_t i = 0; i < r->nstrings; i++)
		r->strings[i] = get_line(g, TLS_RESULT_STRING_MAX);
	r->host = get_line(g, DNS_NAME_MAX);
	get_ip(g, &r->ours);
	get_ip(g, &r->theirs);
	r->reason = get_line(g, TLS_RESULT_REASON_MAX);
	if (r->type >= TLS_POLICY_TYPES || r->failure >= TLS_FAILURES ||
	    !dns_name_valid(r->domain) || !dns_name_valid(r->host) ||
	    (r->base.n > 0 && !dns_name_valid(r->base)))
		g->bad = true;
	return get_end(g);
}
