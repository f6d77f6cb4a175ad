# SPDX-License-Identifier: MIT
#
# A thin front: what is built and how stands in meson.build. Only the demo and the amalgamation do
# without Meson, because they are to work with a C compiler and make alone.
CC ?= cc
BUILD = build
PREFIX = /usr/local
# Where check-everywhere keeps its roots, of which releases of Debian, and what it runs in them.
ROOTS = $(BUILD)/roots
RELEASES = bullseye trixie sid
TARGETS = check

.PHONY: all demo check check-everywhere bench amalgamation install clean tools

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

amalgamation:
	sh tools/amalgamate.sh . $(BUILD)/amalgamation

demo: amalgamation
	$(MAKE) -C demo CC="$(CC)" FINI="$(CURDIR)/$(BUILD)/amalgamation" OUT="$(CURDIR)/$(BUILD)/demo"

check: tools all
	ninja -C $(BUILD) --quiet check

check-everywhere: tools all
	TARGETS="$(TARGETS)" sh tests/roots/everywhere.sh . $(BUILD) $(ROOTS) $(RELEASES)

bench: tools all
	ninja -C $(BUILD) --quiet bench

install: tools
	test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	ninja -C $(BUILD)
	DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild

tools:
	sh tools/install-tools.sh $(BUILD)

$(BUILD)/build.ninja: | tools
	meson setup $(BUILD)

clean:
	rm -rf $(BUILD)
