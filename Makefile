# SPDX-License-Identifier: MIT
#
# A thin front: what is built and how stands in meson.build. Only the demo and the amalgamation do
# without Meson, because they are to work with a C compiler and make alone.
CC ?= cc
BUILD = build
PREFIX = /usr/local

.PHONY: all demo check bench amalgamation install clean tools

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

amalgamation:
	sh tools/amalgamate.sh . $(BUILD)/amalgamation

demo: amalgamation
	$(MAKE) -C demo CC="$(CC)" FINI="$(CURDIR)/$(BUILD)/amalgamation" OUT="$(CURDIR)/$(BUILD)/demo"

check: tools all
	ninja -C $(BUILD) --quiet check

bench: tools all
	ninja -C $(BUILD) --quiet bench
	ninja -C $(BUILD) --quiet bench-gates

install: tools
	test -f $(BUILD)/build.ninja || meson setup $(BUILD)
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	ninja -C $(BUILD)
	DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild

tools:
	sh tools/install-tools.sh

$(BUILD)/build.ninja: | tools
	meson setup $(BUILD)

clean:
	rm -rf $(BUILD)
