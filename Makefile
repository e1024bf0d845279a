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
ifeq ($(origin CC),default)
CC      := gcc
endif
CFLAGS  ?= -O2 -g
PYTHON  ?= /usr/bin/python3
VERSION := 0.1

# clang before 16 wants a second option to believe the first
ZERO_INIT := $(shell for f in "" -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang; do \
	echo 'int x;' | $(CC) -Werror -ftrivial-auto-var-init=zero $$f -xc -c -o /dev/null - 2>/dev/null && \
	{ echo -ftrivial-auto-var-init=zero $$f; break; }; done)
T_CPPFLAGS := -D_GNU_SOURCE -Ilib -DTHURN_VERSION='"$(VERSION)"' \
	-DTHURN_CONF='"$(SYSCONFDIR)/thurn/thurn.conf"' -DTHURN_LIBEXEC='"$(LIBEXECDIR)"' \
	-DTHURN_STATEDIR='"$(LOCALSTATEDIR)"' -DTHURN_RUNDIR='"$(RUNDIR)"' -DTHURN_ETCDIR='"$(SYSCONFDIR)"'
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
	-lidn2 -lidn -lgsasl -lpam -lunistring -ljansson -lunbound -lcurl -lz -lpthread

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

.PHONY: all help check demo install bench lint format asan clean deps units testers fuzzers crash powercut fuzz
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
$(O)/libexec/$(call dashed,$1): T_LDFLAGS += -Wl,-Map=$(O)/obj/$1/link.map
.PHONY: $1
$1: $(O)/libexec/$(call dashed,$1)
endef
$(foreach d,$(DAEMONS),$(eval $(call daemon_rule,$(d))))

# what its modules believe about who runs them; see there
$(O)/libexec/services-pam: T_LDFLAGS += -Wl,--export-dynamic-symbol=geteuid

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

# other programs of the tests: tests/X/y.c is build/test/X/y; they may know master's table
TESTERS    := $(patsubst tests/%.c,%,$(wildcard tests/sandbox/*.c tests/bench/*.c tests/fault/*.c tests/powercut/*.c))
TESTER_BIN := $(addprefix $(O)/test/,$(TESTERS))
define tester_rule
$(O)/test/$1: $(O)/obj/tests/$1.o $(O)/obj/master/lib.a $(O)/obj/queue/lib.a $(LIB_A)
	$$(LINK)
endef
$(foreach t,$(TESTERS),$(eval $(call tester_rule,$(t))))
testers: $(TESTER_BIN)

units: $(UNIT_BIN)
fuzzers: $(FUZZ_BIN)

# --- what the machine needs ----------------------------------------------------------------------
# Libraries, compilers and clients only. Servers that tests run against are unpacked into a private
# folder by tests/peers.py and never installed.

BUILD_DEPS := gcc make python3 openssl libc6-dev libevent-dev libseccomp-dev libconfuse-dev liblmdb-dev libdb5.3-dev \
	libpcre2-dev libssl-dev libcrypt-dev libidn2-dev libunistring-dev libjansson-dev libunbound-dev \
	libgsasl-dev libidn-dev libpam0g-dev libcurl4-openssl-dev zlib1g-dev
TEST_DEPS  := clang-14 libclang-rt-14-dev libcmocka-dev python3 python3-pytest python3-pytest-xdist curl swaks libnet-ssleay-perl msmtp \
	isync libsasl2-modules mutt neomutt sslscan libpam-pwdfile python3-dkim libmail-dkim-perl strace ldnsutils xfsprogs e2fsprogs mandoc clang-format-14 clang-tidy-14 gsasl iproute2
APT        := apt-get -o DPkg::Lock::Timeout=300
ROOT_DO    := $(if $(filter 0,$(shell id -u)),,sudo )

define need
	@missing=$$(for p in $1; do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then echo "  APT     $$missing" | tr '\n' ' '; echo; \
		$(ROOT_DO)$(APT) update -qq && $(ROOT_DO)env DEBIAN_FRONTEND=noninteractive $(APT) install -y -qq \
		--no-install-recommends $$missing >/dev/null; fi
endef

.PHONY: build-deps test-deps
build-deps:
	$(call need,$(BUILD_DEPS))
test-deps: build-deps
	$(call need,$(TEST_DEPS))
deps: test-deps

# --- installing ----------------------------------------------------------------------------------
# No file is set-uid or set-gid. The names that scripts know are links: sendmail, mailq, newaliases, and
# in a folder of their own postmap, postqueue, postsuper, postcat, for whoever wants them in the PATH.

PAGES   = $(wildcard $(foreach n,1 5 8,*/*.$n */*/*.$n))
COMPAT := postmap postalias postqueue postsuper postcat
UNITDIR ?= /lib/systemd/system
PUT     := install -D

install: all
	for p in $(DAEMON_BIN); do $(PUT) -m 755 $$p $(DESTDIR)$(LIBEXECDIR)/$${p##*/} || exit; done
	$(PUT) -m 755 $(O)/bin/thurn $(DESTDIR)$(PREFIX)/bin/thurn
	$(PUT) -m 755 $(O)/bin/sendmail $(DESTDIR)$(SBINDIR)/sendmail
	mkdir -p $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(LIBEXECDIR)/compat
	ln -sf ../sbin/sendmail $(DESTDIR)$(PREFIX)/lib/sendmail
	for n in mailq newaliases; do ln -sf ../sbin/sendmail $(DESTDIR)$(PREFIX)/bin/$$n || exit; done
	for n in $(COMPAT); do ln -sf $(PREFIX)/bin/thurn $(DESTDIR)$(LIBEXECDIR)/compat/$$n || exit; done
	for p in $(PAGES); do $(PUT) -m 644 $$p $(DESTDIR)$(MANDIR)/man$${p##*.}/$${p##*/} || exit; done
	test -e $(DESTDIR)$(SYSCONFDIR)/thurn/thurn.conf || \
		$(PUT) -m 644 etc/thurn.conf $(DESTDIR)$(SYSCONFDIR)/thurn/thurn.conf
	mkdir -p $(DESTDIR)$(SYSCONFDIR)/thurn/tables $(DESTDIR)$(LOCALSTATEDIR)/lib/thurn
	for f in etc/reports/*.conf; do \
		$(PUT) -m 644 $$f $(DESTDIR)$(SYSCONFDIR)/thurn/reports/$${f##*/} || exit; done
	$(PUT) -m 644 etc/reactions.conf $(DESTDIR)$(SYSCONFDIR)/thurn/reactions.conf
	$(PUT) -m 644 etc/thurn.sysusers $(DESTDIR)/usr/lib/sysusers.d/thurn.conf
	$(PUT) -m 644 etc/thurn.tmpfiles $(DESTDIR)/usr/lib/tmpfiles.d/thurn.conf
	sed 's|@BINDIR@|$(PREFIX)/bin|' etc/thurn.service | $(PUT) -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/thurn.service
	$(O)/bin/thurn config --mdoc | $(PUT) -m 644 /dev/stdin $(DESTDIR)$(MANDIR)/man5/thurn.conf.5
	test -e $(DESTDIR)$(SYSCONFDIR)/thurn/tables/aliases || \
		$(PUT) -m 644 etc/aliases $(DESTDIR)$(SYSCONFDIR)/thurn/tables/aliases
	$(O)/bin/thurn map -t hash:$(abspath $(DESTDIR)$(SYSCONFDIR)/thurn/tables/aliases)

# --- trying and testing --------------------------------------------------------------------------

# Set-up first, then a make of its own, because what is missing now also decides what can be built.
demo: build-deps
	@$(MAKE) --no-print-directory -s all
	@$(PYTHON) tests/demo $(if $(ONCE),--once)

check: test-deps
	@$(PYTHON) tests/run

crash powercut fuzz asan bench: test-deps
	@$(PYTHON) tests/run $@ CYCLES=$(CYCLES) TIME=$(TIME) $(ARGS)

define HELP
make [all]      the programs, below build/
make demo       set up what is missing, start a suite, send a mail, read it; ONCE=1: and end
make check      all tests, as .ci/run does
make install    PREFIX, SYSCONFDIR, LOCALSTATEDIR, RUNDIR, DESTDIR as usual
make bench      beside Postfix and Dovecot; ARGS=--quick
make fuzz       every fuzz target for TIME=60 seconds
make crash      CYCLES=n times a suite is killed, and its mail counted
make powercut   CYCLES=n times a disk loses power, and its mail is counted
make asan       the unit tests under ASan and UBSan
make lint       clang-tidy
make format     clang-format, in place
make deps       what building and testing needs, from Debian packages
make clean      removes build/
endef
export HELP
help:
	@echo "$$HELP"

lint: test-deps
	@clang-tidy-14 --quiet $(wildcard lib/*/*.c master/*.c) -- $(T_CPPFLAGS) -std=gnu17

FORMATTED = $(shell git ls-files '*.c' '*.h')
format:
	clang-format-14 -i $(FORMATTED)

clean:
	rm -rf build

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
