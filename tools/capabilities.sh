#!/bin/sh
# SPDX-License-Identifier: MIT
#
# capabilities.sh FILE...: the table of PLATFORMS.md, from what platform files say of themselves.
#
# A platform file has a comment that begins with "Capabilities of NAME:" and has a line a row,
# "what | how"; a line that is indented further goes on with the one before it. Each file has all
# rows, in the same order. Needs a POSIX shell and awk.
set -eu
awk '
    function complain(text) {
        print "capabilities: " text > "/dev/stderr"
        bad = 1
        exit 1
    }
    function end_cell() {
        if (cell != "") cells[row] = cells[row] " " cell " |"
        cell = ""
    }
    function end_file() {
        end_cell()
        if (file != "" && row == 0) complain(file ": says nothing")
        if (file != "" && rows != 0 && row != rows) complain(file ": " row " rows, not " rows)
        if (rows == 0) rows = row
    }
    function begin_cell(text,   at) {
        end_cell()
        at = index(text, " | ")
        if (at == 0) complain(file ": no cell: " text)
        row++
        cell = substr(text, at + 3)
        text = substr(text, 1, at - 1)
        if (rows == 0) label[row] = text
        if (label[row] != text) complain(file ": \"" text "\", not \"" label[row] "\"")
    }
    FNR == 1 { end_file(); file = FILENAME; row = 0; inside = 0 }
    /^\/\* Capabilities of .*:$/ {
        inside = 1
        name = substr($0, 20, length($0) - 20)
        head = head " " name " |"
        rule = rule "---|"
        next
    }
    / \*\/$/ { inside = 0 }
    inside && /^ \*   [^ ]/ { begin_cell(substr($0, 6)) }
    inside && /^ \*    / { text = $0; sub(/^ \* */, "", text); cell = cell " " text }
    END {
        if (bad) exit 1
        end_file()
        if (bad) exit 1
        print "| |" head
        print "|---|" rule
        for (row = 1; row <= rows; row++) print "| " label[row] " |" cells[row]
    }
' "$@"
