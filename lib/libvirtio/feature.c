/*
 * Feature negotiation: a pure function from offer and allow-list to what is accepted.
 */
#include <anole/error.h>
#include <libvirtio/feature.h>

/* Drops what lacks its need, until nothing changes: needs may form chains. */
static struct feature_set drop_unmet(struct feature_set set, const struct feature_rule *rules,
                                     unsigned count)
{
    bool dropped;
    do {
        dropped = false;
        for (unsigned i = 0; i < count; i++) {
            if (rules[i].needs.number == FEATURE_NEEDS_NOTHING.number ||
                !feature_has(set, rules[i].bit) || feature_has(set, rules[i].needs))
                continue;
            set = feature_without(set, rules[i].bit);
            dropped = true;
        }
    } while (dropped);
    return set;
}

int feature_negotiate(struct feature_set offered, struct feature_set barred,
                      const struct feature_rule *rules, unsigned count,
                      struct feature_set *accepted, struct feature_bit *missing)
{
    struct feature_set set = {0};
    for (unsigned i = 0; i < count; i++)
        if (feature_has(offered, rules[i].bit) && !feature_has(barred, rules[i].bit))
            set = feature_with(set, rules[i].bit);
    set = drop_unmet(set, rules, count);
    for (unsigned i = 0; i < count; i++) {
        if (rules[i].required && !feature_has(set, rules[i].bit)) {
            *missing = rules[i].bit;
            return -ANOLE_ENODEV;
        }
    }
    *accepted = set;
    return 0;
}
