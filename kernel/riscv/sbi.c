#include "riscv/sbi.h"

#define EXT_LEGACY_PUTCHAR 1ul
#define EXT_TIME 0x54494d45ul
#define EXT_IPI 0x735049ul
#define EXT_RFENCE 0x52464e43ul
#define EXT_HSM 0x48534dul
#define EXT_SRST 0x53525354ul

struct sbi_result {
    long error;
    long value;
};

static struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t arg0,
                                  uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4)
{
    register uint64_t a0 __asm__("a0") = arg0;
    register uint64_t a1 __asm__("a1") = arg1;
    register uint64_t a2 __asm__("a2") = arg2;
    register uint64_t a3 __asm__("a3") = arg3;
    register uint64_t a4 __asm__("a4") = arg4;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1)
                     : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
                     : "memory");
    return (struct sbi_result){(long)a0, (long)a1};
}

void sbi_putchar(char c)
{
    (void)sbi_call(EXT_LEGACY_PUTCHAR, 0, (unsigned char)c, 0, 0, 0, 0);
}

void sbi_set_timer(uint64_t ticks)
{
    (void)sbi_call(EXT_TIME, 0, ticks, 0, 0, 0, 0);
}

void sbi_send_ipi(uint64_t hart_id_mask)
{
    (void)sbi_call(EXT_IPI, 0, hart_id_mask, 0, 0, 0, 0);
}

void sbi_remote_sfence_asid(uint64_t hart_id_mask, uint64_t asid)
{
    (void)sbi_call(EXT_RFENCE, 2, hart_id_mask, 0, 0, ~0ul, asid);
}

long sbi_hart_start(uint64_t hart_id, uint64_t physical_entry, uint64_t opaque)
{
    return sbi_call(EXT_HSM, 0, hart_id, physical_entry, opaque, 0, 0).error;
}

_Noreturn void sbi_shutdown(int reboot)
{
    (void)sbi_call(EXT_SRST, 0, reboot ? 1 : 0, 0, 0, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}
