HOST_TESTS += test_sha256
test_sha256_SRCS := tests/host/test_sha256.c lib/libsha256/sha256.c
