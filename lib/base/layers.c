/* Names of the layers of confinement, apart from sandbox.c because master links libc alone. */
#include "base/sandbox.h"

const char *const sandbox_layer_names[LAYERS] = {
	"uid",
	"chroot",
	"caps",
	"no-new-privs",
	"landlock-fs",
	"landlock-net",
	"landlock-scope",
	"seccomp",
};
