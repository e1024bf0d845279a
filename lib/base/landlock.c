/* Landlock. See landlock.h; ABI numbers are those of the kernel's documentation. */
#include "base/landlock.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h as of ABI 6 */
enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_REFER = 1 << 13, /* ABI 2 */
	FS_TRUNCATE = 1 << 14, /* ABI 3 */
};
enum { FS_ABI1 = (1 << 13) - 1, FS_ABI5_IOCTL = 1 << 15 };
enum { NET_BIND = 1 << 0, NET_CONNECT = 1 << 1 }; /* ABI 4 */
enum { SCOPE_ABSTRACT_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 }; /* ABI 6 */
enum { RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2 };
enum { CREATE_RULESET_VERSION = 1 };

struct ruleset_attr {
	uint64_t fs, net, scoped;
};
struct path_beneath {
	uint64_t access;
	int32_t parent_fd;
} __attribute__((packed));
struct net_port {
	uint64_t access, port;
};

static const uint64_t read_rights = FS_READ_FILE | FS_READ_DIR;
static const uint64_t write_rights = FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
				     FS_MAKE_REG | FS_REFER | FS_TRUNCATE;

static int create_ruleset(const struct ruleset_attr *attr, size_t size, uint32_t flags)
{
	return (int)syscall(SYS_landlock_create_ruleset, attr, size, flags);
}

static int add_rule(int ruleset, int type, const void *attr)
{
	return (int)syscall(SYS_landlock_add_rule, ruleset, type, attr, 0);
}

static uint64_t fs_handled(int abi)
{
	uint64_t fs = FS_ABI1;

	if (abi >= 2)
		fs |= FS_REFER;
	if (abi >= 3)
		fs |= FS_TRUNCATE;
	if (abi >= 5)
		fs |= FS_ABI5_IOCTL;
	return fs;
}

static int add_rules(int ruleset, const struct ruleset_attr *attr, const struct dir_rule *dirs,
    size_t ndirs, const uint16_t *ports, size_t nports, bool source)
{
	const struct net_port no_port = { .access = NET_BIND };

	for (size_t i = 0; i < ndirs; i++) {
		struct path_beneath rule = { .parent_fd = dirs[i].fd };

		if ((dirs[i].rights & DIR_READ) != 0)
			rule.access |= read_rights;
		if ((dirs[i].rights & DIR_WRITE) != 0)
			rule.access |= write_rights;
		rule.access &= attr->fs;
		if (add_rule(ruleset, RULE_PATH_BENEATH, &rule) == -1)
			return -1;
	}
	for (size_t i = 0; attr->net != 0 && i < nports; i++) {
		struct net_port rule = { .access = NET_CONNECT, .port = ports[i] };

		if (add_rule(ruleset, RULE_NET_PORT, &rule) == -1)
			return -1;
	}
	if (attr->net != 0 && source && add_rule(ruleset, RULE_NET_PORT, &no_port) == -1)
		return -1;
	return 0;
}

int landlock_confine(
    const struct dir_rule *dirs, size_t ndirs, const uint16_t *ports, size_t nports, bool source)
{
	struct ruleset_attr attr = { 0 };
	int abi = create_ruleset(NULL, 0, CREATE_RULESET_VERSION);
	int ruleset, layers = LAYER_LANDLOCK_FS, saved;
	size_t size = sizeof attr.fs;

	if (abi < 1)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
	attr.fs = fs_handled(abi);
	if (abi >= 4) {
		attr.net = NET_BIND | NET_CONNECT;
		size = sizeof attr.fs + sizeof attr.net;
		layers |= LAYER_LANDLOCK_NET;
	}
	if (abi >= 6) {
		attr.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
		size = sizeof attr;
		layers |= LAYER_LANDLOCK_SCOPE;
	}
	ruleset = create_ruleset(&attr, size, 0);
	if (ruleset == -1)
		return -1;
	if (add_rules(ruleset, &attr, dirs, ndirs, ports, nports, source) == -1 ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0) == -1)
		layers = -1;
	saved = errno;
	close(ruleset);
	errno = saved;
	return layers;
}
