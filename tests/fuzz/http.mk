# The web server's connections and the reading of responses, between them and anything.
FUZZERS += fuzz_http
fuzz_http_UNTRACED := tests/fuzz/http/fuzz_http.c tests/host/httpd_fixture.c
fuzz_http_SRCS := $(fuzz_http_UNTRACED) $(filter-out tests/host/%,$(HTTPD_TEST_SRCS))
fuzz_http_RUNS := 40000
