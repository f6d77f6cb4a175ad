// SPDX-License-Identifier: MIT
//
// throws.cpp - what deadlocks.c cannot do in C.
extern "C" void use_exceptions();

static int thrown;

void use_exceptions()
{
    try {
        throw 1;
    } catch (int number) {
        thrown = number;
    }
}
