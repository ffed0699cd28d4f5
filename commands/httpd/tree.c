/*
 * What is served: the files of site.S, paths whose content is made when it is asked for, and the files of
 * a directory.
 */
#include "httpd.h"

#include <stdio.h>
#include <string.h>

/* As site.S has them. */
struct site_file {
    const char *path, *data;
    uint64_t size;
};
extern const struct site_file site_files[];

static const struct {
    const char *path;
    unsigned (*make)(struct document *document);
} made[] = {
    {"/services.json", services_json},
    {"/services.txt", services_text},
};

/* ---- files ---- */

const char *type_of(const char *path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},     {".md", "text/markdown; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},     {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
    };
    const char *suffix = strrchr(path, '.');

    for (unsigned i = 0; suffix && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(suffix, types[i].suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static bool file_read(const struct document *document, uint64_t offset, void *buffer, size_t len)
{
    memcpy(buffer, document->text + offset, len);
    return true;
}

/* FNV-1a: the files never change while this program lives, but another version has others. */
static uint64_t digest(const struct site_file *file)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (uint64_t i = 0; i < file->size; i++)
        hash = (hash ^ (unsigned char)file->data[i]) * 0x100000001b3u;
    return hash;
}

static void file_document(const struct site_file *file, struct document *document)
{
    *document = (struct document){
        .type = type_of(file->path), .size = file->size, .read = file_read, .text = file->data};
    snprintf(document->etag, sizeof(document->etag), "\"f%016llx\"",
             (unsigned long long)digest(file));
}

static const struct site_file *site_find(const char *path)
{
    for (const struct site_file *file = site_files; file->path; file++)
        if (strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

/* ---- directories ---- */

/* Whether something lies below that path, which ends in a slash. */
static bool is_directory(const char *path)
{
    for (const struct site_file *file = site_files; file->path; file++)
        if (strncmp(file->path, path, strlen(path)) == 0)
            return true;
    return false;
}

void index_begin(struct page *page, const char *path)
{
    page_add(page, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                   "<link rel=\"stylesheet\" href=\"/style.css\">\n<title>");
    page_add_html(page, path);
    page_add(page, "</title>\n<h1>");
    page_add_html(page, path);
    page_add(page, "</h1>\n<ul>\n<li><a href=\"../\">..</a>\n");
}

void index_add(struct page *page, const char *path, const char *name, bool is_directory)
{
    page_add(page, "<li><a href=\"");
    page_add_path(page, path);
    page_add_path(page, name);
    page_add(page, is_directory ? "/\">" : "\">");
    page_add_html(page, name);
    page_add(page, is_directory ? "/</a>\n" : "</a>\n");
}

unsigned index_end(struct page *page, struct document *document)
{
    page_add(page, "</ul>\n</html>\n");
    return page_done(page, "text/html; charset=utf-8", document);
}

/* All that lies below it; there is one level of directories. */
static unsigned index_make(const char *path, struct document *document)
{
    struct page page = {0};

    index_begin(&page, path);
    for (const struct site_file *file = site_files; file->path; file++)
        if (strncmp(file->path, path, strlen(path)) == 0)
            index_add(&page, path, file->path + strlen(path), false);
    return index_end(&page, document);
}

static unsigned directory_find(const char *path, struct document *document)
{
    char other[HTTP_PATH_MAX + sizeof("/index.html")];
    size_t len = strlen(path);
    bool slash = path[len - 1] == '/';

    snprintf(other, sizeof(other), "%s%s", path, slash ? "" : "/");
    if (!is_directory(other))
        return 404;
    if (!slash)
        return 301;
    snprintf(other, sizeof(other), "%sindex.html", path);
    const struct site_file *file = site_find(other);
    if (!file)
        return index_make(path, document);
    file_document(file, document);
    return 200;
}

/* ---- all together ---- */

static unsigned site_document(const char *path, struct document *document)
{
    static const char pattern[] = "/pattern/";
    const struct site_file *file = site_find(path);

    if (file) {
        file_document(file, document);
        return 200;
    }
    for (unsigned i = 0; i < sizeof(made) / sizeof(made[0]); i++)
        if (strcmp(path, made[i].path) == 0)
            return made[i].make(document);
    if (strncmp(path, pattern, sizeof(pattern) - 1) == 0)
        return pattern_find(path + sizeof(pattern) - 1, document) ? 200 : 404;
    return directory_find(path, document);
}

/* What this program has in itself comes first: so the front page works, whatever becomes of files. */
unsigned tree_find(const char *path, struct document *document)
{
    unsigned status = site_document(path, document);

    return status == 404 ? files_find(path, document) : status;
}

void document_close(struct document *document)
{
    if (document->close)
        document->close(document);
    *document = (struct document){0};
}
