# Channels and the client side of libblk.
HOST_TESTS += test_channel
test_channel_SRCS := tests/host/test_channel.c lib/libchan/channel.c

# Two real threads: the thread sanitizer instead of the address sanitizer.
HOST_TESTS += test_channel_stress
test_channel_stress_SRCS := tests/host/test_channel_stress.c lib/libchan/channel.c
test_channel_stress_CFLAGS := -fno-sanitize=all -fsanitize=thread -pthread

# Includes channel.c, with its atomics replaced. Runs on hand-made stacks, which the address
# sanitizer only half understands.
HOST_TESTS += test_channel_model
test_channel_model_SRCS := tests/host/test_channel_model.c
test_channel_model_CFLAGS := -fno-sanitize=address

HOST_TESTS += test_blk_client_replay
test_blk_client_replay_SRCS := tests/host/test_blk_client_replay.c lib/libblk/client_replay.c \
    lib/libblk/client_retained.c

HOST_TESTS += test_blk_client_rules
test_blk_client_rules_SRCS := tests/host/test_blk_client_rules.c lib/libblk/client_replay.c \
    lib/libblk/client_retained.c
