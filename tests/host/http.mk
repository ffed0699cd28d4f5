# HTTP's syntax, and the web server between it and real sockets.
HOST_TESTS += test_http
test_http_SRCS := tests/host/test_http.c $(libhttp_SRCS)

HTTPD_TEST_SRCS := tests/host/httpd_fixture.c $(libhttp_SRCS) lib/libsha256/sha256.c \
    $(addprefix commands/httpd/, answer.c connection.c files.c page.c pattern.c tree.c)
HOST_TESTS += test_httpd
test_httpd_SRCS := tests/host/test_httpd.c $(HTTPD_TEST_SRCS)
