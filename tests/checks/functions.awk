# SPDX-License-Identifier: MIT
#
# functions.awk - prints a line for each function of C files: how many lines from the { in column 0
# to the } in column 0, and where it begins.
FNR == 1 { begin = 0 }
/^\{/ { begin = FNR }
/^\}/ && begin { print FNR - begin + 1, FILENAME ":" begin; begin = 0 }
