# Coroutines, with stacks of the build machine.
HOST_TESTS += test_coro
test_coro_SRCS := tests/host/test_coro.c tests/host/coro_host.c lib/libcoro/coro.c lib/libcoro/sync.c
