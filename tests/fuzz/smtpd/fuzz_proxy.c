/* PROXY headers and XCLIENT arguments. */
#include <assert.h>

#include "../../../smtpd/proxy.h"
#include "../../../smtpd/xclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_bytes(data, size);
	struct xclient x;
	struct ip ip = { 0 };
	const char *why;
	size_t used = 0;

	switch (proxy_parse(in, &ip, &used)) {
	case PROXY_CLIENT:
		assert(ip.family == 4 || ip.family == 6);
		/* fall through */
	case PROXY_OWN:
		assert(used > 0 && used <= size && used <= LIMIT_PROXY_HEADER);
		break;
	case PROXY_MORE:
		assert(size < LIMIT_PROXY_HEADER);
		break;
	case PROXY_BAD:
		break;
	}
	xclient_parse(in, &x, &why);
	return 0;
}
