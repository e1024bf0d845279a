# Thurn. No configure step and no file listed by hand: a folder with a main.c is one program,
# every folder below lib/ is one library, tests mirror the tree. `make help` names the targets.
#
# CFLAGS, CPPFLAGS and LDFLAGS belong to the packager; what the code needs stands in T_*.

PREFIX      ?= /usr/local
SYSCONFDIR  ?= /etc
LOCALSTATEDIR ?= /var
RUNDIR      ?= /run
SBINDIR     ?= $(PREFIX)/sbin
LIBEXECDIR  ?= $(PREFIX)/libexec/thurn
MANDIR      ?= $(PREFIX)/share/man

O       ?= build
CC      ?= gcc
CFLAGS  ?= -O2 -g
PYTHON  ?= /usr/bin/python3
VERSION := 0.1

# clang before 16 wants a second option to believe the first
ZERO_INIT := $(shell for f in "" -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang; do \
	echo 'int x;' | $(CC) -Werror -ftrivial-auto-var-init=zero $$f -xc -c -o /dev/null - 2>/dev/null && \
	{ echo -ftrivial-auto-var-init=zero $$f; break; }; done)
T_CPPFLAGS := -D_GNU_SOURCE -Ilib -DTHURN_VERSION='"$(VERSION)"' \
	-DTHURN_CONF='"$(SYSCONFDIR)/thurn/thurn.conf"' -DTHURN_LIBEXEC='"$(LIBEXECDIR)"'
T_CFLAGS := -std=gnu17 -Wall -Wextra -Wconversion -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wno-missing-field-initializers -fno-common -fstack-protector-strong -fPIE \
	-fno-strict-aliasing $(ZERO_INIT)
T_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
ifdef SANITIZE
T_CFLAGS  += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
T_LDFLAGS += -fsanitize=$(SANITIZE)
else
T_CPPFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
T_CFLAGS  += -fstack-clash-protection -fcf-protection
endif
# Whatever a program does not use is left out by --as-needed: master and spawn end up with libc alone.
T_LIBS := -levent_core -levent_pthreads -lseccomp -lconfuse -llmdb -ldb -lpcre2-8 -lssl -lcrypto -lcrypt \
	-lidn2 -lunistring -ljansson -lpthread

COMPILE = @mkdir -p $(@D); echo "  CC      $<"; \
	$(CC) $(T_CPPFLAGS) $(CPPFLAGS) $(T_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
ARCHIVE = @mkdir -p $(@D); rm -f $@; $(AR) rcs $@ $(filter %.o,$^)
LINK    = @mkdir -p $(@D); echo "  LINK    $@"; \
	$(CC) $(T_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(T_LIBS)

# --- what there is -------------------------------------------------------------------------------

MAINS    := $(wildcard $(addsuffix main.c,master/ master/*/ smtpd/ queue/ deliver/*/ imapd/*/ services/*/ filters/*/))
DAEMONS  := $(patsubst %/main.c,%,$(MAINS))
TOOLS    := $(patsubst tools/%/main.c,%,$(wildcard tools/*/main.c))
LIBS     := $(sort $(patsubst %/,%,$(dir $(wildcard lib/*/*.c)))) $(sort $(patsubst %/,%,$(dir $(wildcard deliver/sieve/*.c))))
UNITS    := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*/*.c tests/unit/*/*/*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*/*.c tests/fuzz/*/*/*.c))
dashed    = $(subst /,-,$1)

# one archive per folder (without its main), so that unit tests and fuzz targets can link it
objs      = $(patsubst %.c,$(O)/obj/%.o,$(filter-out %/main.c,$(wildcard $1/*.c)))
LIB_A    := $(foreach l,$(LIBS),$(O)/obj/$(l)/lib.a)
DAEMON_BIN := $(foreach d,$(DAEMONS),$(O)/libexec/$(call dashed,$(d)))
TOOL_BIN   := $(addprefix $(O)/bin/,$(TOOLS))
UNIT_BIN   := $(addprefix $(O)/unit/,$(UNITS))
FUZZ_BIN   := $(addprefix $(O)/fuzz/,$(FUZZERS))

.PHONY: all help check demo install bench lint format asan clean deps unit units fuzzers crash powercut fuzz
.SECONDARY:
all: $(DAEMON_BIN) $(TOOL_BIN)

define folder_rule
$(O)/obj/$1/lib.a: $(call objs,$1)
	$$(ARCHIVE)
endef
$(foreach d,$(LIBS) $(DAEMONS) $(addprefix tools/,$(TOOLS)),$(eval $(call folder_rule,$(d))))

define daemon_rule
$(O)/libexec/$(call dashed,$1): $(O)/obj/$1/main.o $(O)/obj/$1/lib.a $(LIB_A)
	$$(LINK)
.PHONY: $1
$1: $(O)/libexec/$(call dashed,$1)
endef
$(foreach d,$(DAEMONS),$(eval $(call daemon_rule,$(d))))

define tool_rule
$(O)/bin/$1: $(O)/obj/tools/$1/main.o $(O)/obj/tools/$1/lib.a $(LIB_A)
	$$(LINK)
.PHONY: tools/$1
tools/$1: $(O)/bin/$1
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

$(O)/obj/%.o: %.c
	$(COMPILE)

# tests/unit/PATH/test_x.c and tests/fuzz/PATH/fuzz_x.c link the libraries and, when PATH is a program, its folder
own_archive = $(addprefix $(O)/obj/,$(addsuffix /lib.a,$(filter $(DAEMONS) $(addprefix tools/,$(TOOLS)),$(patsubst %/,%,$(dir $1)))))
define unit_rule
$(O)/unit/$1: $(O)/obj/tests/unit/$1.o $(call own_archive,$1) $(LIB_A)
	$$(LINK)
$(O)/unit/$1: T_LIBS += -lcmocka
endef
$(foreach u,$(UNITS),$(eval $(call unit_rule,$(u))))
define fuzz_rule
$(O)/fuzz/$1: $(O)/obj/tests/fuzz/$1.o $(call own_archive,$1) $(LIB_A)
	$$(LINK)
$(O)/fuzz/$1: T_LDFLAGS += -fsanitize=fuzzer
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rule,$(f))))

units: $(UNIT_BIN)
fuzzers: $(FUZZ_BIN)

clean:
	rm -rf build

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
