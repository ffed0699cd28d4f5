/*
 * libload: programs that aren't in the boot image. What a file says is as good as what a stranger says:
 * everything is checked here, and nothing of it is looked at twice.
 */
#include "load.h"
#include <elf.h>
#include <libanole/anole.h>
#include <stdbool.h>
#include <string.h>

#define FLOAT_ABI 6u /* EF_RISCV_FLOAT_ABI: whatever isn't soft */

static bool header_is_sound(const Elf64_Ehdr *header, size_t head_len)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
           header->e_type == ET_EXEC && header->e_machine == EM_RISCV &&
           header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phoff <= head_len &&
           header->e_phnum <= (head_len - header->e_phoff) / sizeof(Elf64_Phdr);
}

static bool segment_is_sound(const Elf64_Phdr *segment, uint64_t file_len, uint64_t lowest)
{
    return segment->p_vaddr % PAGE_SIZE == 0 && segment->p_vaddr >= lowest &&
           segment->p_vaddr <= USER_MAP_BASE &&
           segment->p_memsz <= USER_MAP_BASE - segment->p_vaddr &&
           segment->p_filesz <= segment->p_memsz && segment->p_offset <= file_len &&
           segment->p_filesz <= file_len - segment->p_offset &&
           !(segment->p_flags & PF_W && segment->p_flags & PF_X);
}

static struct boot_segment segment_of(const Elf64_Phdr *from)
{
    return (struct boot_segment){
        .vaddr = from->p_vaddr,
        .memory_len = from->p_memsz,
        .file_offset = from->p_offset,
        .file_len = from->p_filesz,
        .prot = (from->p_flags & PF_R ? PROT_READ_BIT : 0) |
                (from->p_flags & PF_W ? PROT_WRITE_BIT : 0) |
                (from->p_flags & PF_X ? PROT_EXEC_BIT : 0),
    };
}

static bool entry_is_code(const struct boot_entry *program)
{
    for (unsigned i = 0; i < program->segment_count; i++) {
        const struct boot_segment *segment = &program->segment[i];
        if (segment->prot & PROT_EXEC_BIT && program->entry >= segment->vaddr &&
            program->entry - segment->vaddr < segment->file_len) {
            return true;
        }
    }
    return false;
}

int load_elf_read(const void *head, size_t head_len, uint64_t file_len, struct boot_entry *program)
{
    Elf64_Ehdr header;
    uint64_t lowest = USER_TEXT_BASE;

    if (head_len < sizeof(header)) {
        return -ANOLE_EINVAL;
    }
    memcpy(&header, head, sizeof(header));
    if (!header_is_sound(&header, head_len)) {
        return -ANOLE_EINVAL;
    }
    *program = (struct boot_entry){
        .flags = BOOT_PROGRAM | (header.e_flags & FLOAT_ABI ? BOOT_FLOAT : 0),
        .len = file_len,
        .entry = header.e_entry,
    };
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, (const char *)head + header.e_phoff + i * sizeof(segment),
               sizeof(segment));
        if (segment.p_type == PT_DYNAMIC || segment.p_type == PT_INTERP) {
            return -ANOLE_EINVAL;
        }
        if (segment.p_type != PT_LOAD || segment.p_memsz == 0) {
            continue;
        }
        if (program->segment_count == BOOT_SEGMENTS ||
            !segment_is_sound(&segment, file_len, lowest)) {
            return -ANOLE_EINVAL;
        }
        program->segment[program->segment_count++] = segment_of(&segment);
        lowest = (segment.p_vaddr + segment.p_memsz + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    }
    return entry_is_code(program) ? 0 : -ANOLE_EINVAL;
}
