/*
 * The files that httpd has in itself: struct site_file[], see tree.c. A path of 0 ends the table.
 */
    .macro site_file path, source
    .section .rodata.site.data, "a"
1:  .incbin "\source"
2:
    .section .rodata.site.paths, "a"
3:  .asciz "\path"
    .section .rodata.site.table, "a"
    .balign 8
    .quad 3b, 1b, 2b - 1b
    .endm

    .section .rodata.site.table, "a"
    .balign 8
    .global site_files
site_files:
    site_file "/index.html", "commands/httpd/site/index.html"
    site_file "/style.css", "commands/httpd/site/style.css"
    site_file "/services.js", "commands/httpd/site/services.js"
    site_file "/docs/architecture.md", "docs/architecture.md"
    site_file "/docs/block.md", "docs/block.md"
    site_file "/docs/ipc.md", "docs/ipc.md"
    site_file "/docs/kernel-calls.md", "docs/kernel-calls.md"
    site_file "/docs/network.md", "docs/network.md"
    site_file "/docs/recovery.md", "docs/recovery.md"
    site_file "/docs/system-dts.md", "docs/system-dts.md"
    site_file "/docs/virtio.md", "docs/virtio.md"
    site_file "/docs/write-a-driver.md", "docs/write-a-driver.md"
    .section .rodata.site.table, "a"
    .quad 0
