/*
 * A whole conversation. The first byte chooses the listener, the client, and how the input is cut:
 * into pieces of a power of two, or into lines, each of which waits for its reply; lookup and queue
 * are those of the unit tests and check what they get.
 */
#undef NDEBUG
#include "../../unit/smtpd/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BY_LINE = 15 };

static const enum service services[] = { SERVICE_SMTP, SERVICE_LMTP, SERVICE_LOCAL,
	SERVICE_SUBMISSION };

/* Every message that got through has clean line ends and the size that was announced. */
static void check_messages(void)
{
	for (unsigned i = 0; i < rig.nmessages && i < RIG_MESSAGES; i++) {
		struct str s = buf_view(&rig.messages[i].body);

		assert(str_ends(s, STR("\r\n")) && str_find(s, '\0') == -1);
		for (size_t k = 0; k < s.n; k++)
			assert(s.p[k] != '\n' || s.p[k - 1] == '\r');
		s = rig.messages[i].commit.envelope.marks;
		for (size_t k = 0; k < s.n; k++)
			assert(s.p[k] >= ' ' && s.p[k] <= '~');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in;
	size_t step;

	if (size < 2 || size > 20000)
		return 0;
	log_threshold(LEVEL_ERROR);
	in = str_bytes(data + 1, size - 1);
	step = 1u << (data[0] >> 4);
	rig_open();
	rig_set("smtp_xclient_networks", "192.0.2.3");
	rig_set("smtp_proxy_networks", "192.0.2.4");
	rig_set("submission_plaintext_auth", "yes");
	rig_set("submission_failure_delay", "0");
	rig_set("lane_headers", "Precedence List-Id Subject");
	rig_connect(services[data[0] & 3], (data[0] & 4) != 0   ? "192.0.2.3"
					   : (data[0] & 8) != 0 ? "192.0.2.4"
								: "127.0.0.1");
	for (size_t at = 0; at < in.n && !rig.closed; at += step) {
		ssize_t lf = str_find(str_skip(in, at), '\n');

		if (data[0] >> 4 == BY_LINE)
			step = lf == -1 ? in.n - at : (size_t)lf + 1;
		rig_bytes(str_take(str_skip(in, at), step));
		if (step > 64 || data[0] >> 4 == BY_LINE)
			rig_turn();
		else
			loop_poll();
	}
	rig_turn();
	check_messages();
	rig_close();
	return 0;
}
