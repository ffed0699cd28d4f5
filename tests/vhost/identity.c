/* What the device says of itself: see identity.h. */
#include "identity.h"

#include <libvirtio/feature_bits.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS_MAX 126u
#define RANGE_SECTORS_MAX 0x3fffffu

static const struct {
    const char *name;
    struct feature_bit bit;
} features[] = {
    {"seg-max", VIRTIO_BLK_F_SEG_MAX},
    {"blk-size", VIRTIO_BLK_F_BLK_SIZE},
    {"flush", VIRTIO_BLK_F_FLUSH},
    {"discard", VIRTIO_BLK_F_DISCARD},
    {"write-zeroes", VIRTIO_BLK_F_WRITE_ZEROES},
    {"indirect", VIRTIO_F_INDIRECT_DESC},
    {"event-idx", VIRTIO_F_EVENT_IDX},
    {"version-1", VIRTIO_F_VERSION_1},
    {"packed", VIRTIO_F_RING_PACKED},
};
#define FEATURES (sizeof features / sizeof features[0])

#define FIELD(text, member, feature)                                                               \
    {                                                                                              \
        text, offsetof(struct virtio_blk_config, member),                                          \
            sizeof(((struct virtio_blk_config *)0)->member), feature                               \
    }

static const struct {
    const char *name;
    size_t offset, width;
    struct feature_bit feature;
} fields[] = {
    FIELD("capacity", capacity, FEATURE_NEEDS_NOTHING),
    FIELD("size-max", size_max, VIRTIO_BLK_F_SIZE_MAX),
    FIELD("seg-max", seg_max, VIRTIO_BLK_F_SEG_MAX),
    FIELD("blk-size", blk_size, VIRTIO_BLK_F_BLK_SIZE),
    FIELD("physical-block-exp", physical_block_exp, VIRTIO_BLK_F_TOPOLOGY),
    FIELD("alignment-offset", alignment_offset, VIRTIO_BLK_F_TOPOLOGY),
    FIELD("min-io-size", min_io_size, VIRTIO_BLK_F_TOPOLOGY),
    FIELD("opt-io-size", opt_io_size, VIRTIO_BLK_F_TOPOLOGY),
    FIELD("max-discard-sectors", max_discard_sectors, VIRTIO_BLK_F_DISCARD),
    FIELD("max-discard-seg", max_discard_seg, VIRTIO_BLK_F_DISCARD),
    FIELD("discard-alignment", discard_sector_alignment, VIRTIO_BLK_F_DISCARD),
    FIELD("max-zeroes-sectors", max_write_zeroes_sectors, VIRTIO_BLK_F_WRITE_ZEROES),
    FIELD("max-zeroes-seg", max_write_zeroes_seg, VIRTIO_BLK_F_WRITE_ZEROES),
    FIELD("zeroes-may-unmap", write_zeroes_may_unmap, VIRTIO_BLK_F_WRITE_ZEROES),
};
#define FIELDS (sizeof fields / sizeof fields[0])

void identity_default(struct identity *identity)
{
    *identity = (struct identity){
        .config =
            {
                .seg_max = SEGMENTS_MAX,
                .blk_size = 512,
                .max_discard_sectors = RANGE_SECTORS_MAX,
                .max_discard_seg = 1,
                .discard_sector_alignment = 1,
                .max_write_zeroes_sectors = RANGE_SECTORS_MAX,
                .max_write_zeroes_seg = 1,
            },
    };
    for (unsigned i = 0; i < FEATURES; i++)
        identity->features = feature_with(identity->features, features[i].bit);
}

void identity_size(struct identity *identity, uint64_t sectors)
{
    if (identity->config.capacity == 0)
        identity->config.capacity = sectors;
}

int identity_set(struct identity *identity, const char *text)
{
    const char *equals = strchr(text, '=');
    for (unsigned i = 0; i < FIELDS && equals; i++) {
        size_t len = strlen(fields[i].name);
        char *end;
        if (len != (size_t)(equals - text) || strncmp(text, fields[i].name, len) != 0)
            continue;
        uint64_t value = strtoull(equals + 1, &end, 0);
        if (equals[1] == '\0' || *end != '\0' ||
            (fields[i].width < 8 && value >> (8 * fields[i].width) != 0))
            break;
        memcpy((char *)&identity->config + fields[i].offset, &value, fields[i].width);
        identity->features = feature_with(identity->features, fields[i].feature);
        return 0;
    }
    fprintf(stderr, "vhost_blk: --config %s: not understood\n", text);
    return -1;
}

int identity_withhold(struct identity *identity, const char *name)
{
    for (unsigned i = 0; i < FEATURES; i++) {
        if (strcmp(name, features[i].name) == 0) {
            identity->features = feature_without(identity->features, features[i].bit);
            return 0;
        }
    }
    fprintf(stderr, "vhost_blk: --without %s: no such feature\n", name);
    return -1;
}

void identity_help(FILE *out)
{
    fprintf(out, "fields:");
    for (unsigned i = 0; i < FIELDS; i++)
        fprintf(out, " %s", fields[i].name);
    fprintf(out, "\nfeatures:");
    for (unsigned i = 0; i < FEATURES; i++)
        fprintf(out, " %s", features[i].name);
    fprintf(out, "\n");
}
