/* Rust's standard library takes its random numbers from bcryptprimitives.dll, which Wine has had since version 9 only.
 * This one offers the function that it uses, on top of what older Wine has.
 */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
    return RtlGenRandom(data, (ULONG)length);
}
