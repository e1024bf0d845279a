/* What is read in a certificate. See certificate.h. */
#include "net/certificate.h"

#include <openssl/x509v3.h>
#include <time.h>

#include "base/buf.h"

void certificate_names(X509 *x, char *out, size_t size)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	struct buf b;

	buf_init(&b, size - 1);
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

		if (g->type == GEN_DNS &&
		    buf_printf(&b, "%s%.*s", b.n > 0 ? " " : "", ASN1_STRING_length(g->d.dNSName),
			(const char *)ASN1_STRING_get0_data(g->d.dNSName)) == -1)
			break;
	}
	if (str_copy(buf_view(&b), out, size) == -1)
		out[0] = '\0'; /* a NUL in a name */
	buf_clear(&b);
	GENERAL_NAMES_free(all);
}

int64_t certificate_time(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}
