/* SPDX-License-Identifier: MIT
 *
 * other.c - a DLL without libfini that frees another one in its detach.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

__declspec(dllexport) HMODULE to_free;

BOOL WINAPI DllMain(HINSTANCE self, DWORD event, LPVOID reserved)
{
    (void)self, (void)reserved;
    if (event == DLL_PROCESS_DETACH && to_free)
        FreeLibrary(to_free);
    return TRUE;
}
