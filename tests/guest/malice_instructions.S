/*
 * What user mode mustn't do: INSTRUCTION_BYTES each, an instruction and a return that is never reached.
 */
    .option norelax
    .option norvc

    .macro forbidden instruction:vararg
    \instruction
    ret
    .endm

    .text
    .balign 8
    .globl malice_instructions, malice_instructions_end
malice_instructions:
    forbidden .4byte 0
    forbidden .4byte 0xffffffff
    forbidden .4byte 0x30200073 /* mret */
    forbidden .4byte 0x00053007 /* fld ft0, 0(a0): it isn't built for floating point */
    forbidden sret
    forbidden sfence.vma
    forbidden csrr a0, sstatus
    forbidden csrw sstatus, a0
    forbidden csrr a0, satp
    forbidden csrw satp, zero
    forbidden csrw stvec, zero
    forbidden csrw sie, zero
    forbidden csrw sscratch, zero
    forbidden csrr a0, 0x300 /* mstatus */
    forbidden csrr a0, 0x14d /* stimecmp */
    forbidden csrw 0xc01, zero /* time */
    forbidden rdcycle a0
    forbidden rdinstret a0
malice_instructions_end:
