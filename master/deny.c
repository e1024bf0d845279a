/* A filter for all descendants. See deny.h. */
#include "deny.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "name the audit architecture of this machine"
#endif

static const unsigned denied[] = {
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_move_mount,
	SYS_open_tree,
	SYS_fsopen,
	SYS_fsmount,
	SYS_fsconfig,
	SYS_fspick,
	SYS_mount_setattr,
	SYS_swapon,
	SYS_swapoff,
	SYS_reboot,
	SYS_kexec_load,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_pidfd_getfd,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_unshare,
	SYS_setns,
	SYS_userfaultfd,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	SYS_open_by_handle_at,
	SYS_name_to_handle_at,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_adjtimex,
	SYS_clock_adjtime,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_acct,
	SYS_syslog,
	SYS_quotactl,
	SYS_lookup_dcookie,
	SYS_personality,
#ifdef __x86_64__
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
#endif
};
enum { DENIED = sizeof denied / sizeof *denied, HEAD = 4, X32_BIT = 0x40000000 };

int deny_calls(void)
{
	struct sock_filter code[HEAD + 2 + DENIED + 2];
	struct sock_fprog prog = { .filter = code };
	unsigned short n = 0;
	unsigned left = DENIED;

	code[n++] = (struct sock_filter)BPF_STMT(
	    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(
	    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	for (unsigned i = 0; i < DENIED; i++, left--)
		code[n++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, denied[i], (uint8_t)left, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	prog.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

int deny_capabilities(void)
{
	static const unsigned kept[] = { CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT, CAP_CHOWN,
		CAP_KILL, CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE, CAP_FOWNER };
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct have[2];
	int bounded;

	if (syscall(SYS_capget, &head, have) == -1)
		return -1;
	for (unsigned cap = 0; (bounded = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++) {
		bool keep = false;

		for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++)
			keep |= kept[i] == cap;
		/* whoever has started us may have done it, and taken the right to do so */
		if (!keep && bounded == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return -1;
		if (!keep)
			have[cap / 32].permitted &= ~(1u << cap % 32);
	}
	for (unsigned i = 0; i < 2; i++)
		have[i].effective = have[i].permitted;
	return (int)syscall(SYS_capset, &head, have);
}
