#include "msi.h"
#include "frame.h"
#include "hart.h"
#include "kcall.h"
#include "kprintf.h"
#include "machine.h"
#include "mmu.h"

static struct msi *msis; /* by number, from the first one above the lines' on */
static uint32_t msi_count;
static uint16_t numbers[MAX_HARTS][MSI_IDENTITIES + 1];
static uint32_t next_identity[MAX_HARTS]; /* the lowest that is nobody's */
static uint32_t line_identities;          /* the lowest that is a line's */

uint32_t msi_capacity(void)
{
    return machine.msi_identities > MSI_IDENTITY_HARTS
               ? (machine.msi_identities - MSI_IDENTITY_HARTS) * hart_count
               : 0;
}

void msi_init(void)
{
    uint64_t bytes = page_round_up(msi_capacity() * sizeof(struct msi));
    paddr_t first;

    msi_count = 0;
    line_identities = machine.msi_identities + 1;
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        next_identity[hart] = MSI_IDENTITY_HARTS + 1;
        for (unsigned i = 0; i <= MSI_IDENTITIES; i++)
            numbers[hart][i] = 0;
    }
    if (bytes == 0)
        return;
    if (!frame_alloc_contiguous(bytes / PAGE_SIZE, &first))
        kernel_panic("no memory for %u message-signalled interrupts", msi_capacity());
    msis = direct(first);
}

const struct msi *msi_of(uint32_t number)
{
    uint32_t index = number - machine.irq_count - 1;

    return number > machine.irq_count && index < msi_count ? &msis[index] : NULL;
}

uint32_t msi_number(unsigned hart, uint32_t identity)
{
    return identity <= MSI_IDENTITIES ? numbers[hart][identity] : 0;
}

int msi_take_for_line(uint32_t line)
{
    for (uint32_t identity = line_identities; identity <= machine.msi_identities; identity++)
        if (numbers[0][identity] == line)
            return (int)identity;
    for (unsigned hart = 0; hart < hart_count; hart++)
        if (next_identity[hart] >= line_identities)
            return -ANOLE_ENOMEM;
    line_identities--;
    for (unsigned hart = 0; hart < hart_count; hart++)
        numbers[hart][line_identities] = (uint16_t)line;
    return (int)line_identities;
}

/* ---- kernel calls ---- */

static unsigned hart_of_vector(uint64_t vector)
{
    return vector == 0 ? 0 : (unsigned)((vector - 1) % hart_count);
}

static bool has_room(uint64_t count)
{
    for (unsigned hart = 0; hart < hart_count; hart++) {
        uint64_t wanted = (count - 1 + hart_count - 1 - hart) / hart_count + (hart == 0);
        if (wanted > line_identities - next_identity[hart])
            return false;
    }
    return true;
}

static const struct msi *find(uint64_t key, uint64_t count)
{
    for (uint32_t i = 0; i < msi_count; i += msis[i].count)
        if (msis[i].key == key && msis[i].count == count)
            return &msis[i];
    return NULL;
}

/* key, count -> first number */
int kcall_msi_alloc(struct thread *caller)
{
    uint64_t key = kcall_arg(caller, 0), count = kcall_arg(caller, 1);
    const struct msi *found;

    if (machine.msi_identities == 0)
        return -ANOLE_ENOSYS;
    if (count == 0)
        return -ANOLE_EINVAL;
    found = find(key, count);
    if (!found) {
        if (count > msi_capacity() || !has_room(count))
            return -ANOLE_ENOMEM;
        found = &msis[msi_count];
        for (uint64_t vector = 0; vector < count; vector++) {
            unsigned hart = hart_of_vector(vector);
            uint32_t identity = next_identity[hart]++;
            msis[msi_count++] = (struct msi){key, (uint16_t)count, (uint16_t)hart, identity};
            numbers[hart][identity] = (uint16_t)(machine.irq_count + msi_count);
        }
    }
    kcall_result(0, machine.irq_count + 1 + (uint64_t)(found - msis));
    return 0;
}

/* number -> address, data */
int kcall_msi_info(struct thread *caller)
{
    uint64_t number = kcall_arg(caller, 0);
    const struct msi *msi = number <= UINT32_MAX ? msi_of((uint32_t)number) : NULL;

    if (machine.msi_identities == 0)
        return -ANOLE_ENOSYS;
    if (!msi)
        return -ANOLE_EINVAL;
    kcall_result(0, machine.msi_pages[msi->hart].raw);
    kcall_result(1, msi->identity);
    return 0;
}
