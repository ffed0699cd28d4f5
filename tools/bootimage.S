/*
 * The boot image, linked behind the kernel (kernel/riscv/kernel.ld places the section).
 */
    .section .bootimage, "a"
    .balign 4096
    .global boot_image_start
boot_image_start:
    .incbin BOOT_IMAGE
    .balign 4096
    .global boot_image_end
boot_image_end:
