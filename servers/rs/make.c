/*
 * Making a service's process out of the boot image, in two halves: everything that needs no device,
 * which is all that a hot spare has, and the hand-over of the device with the first instruction.
 */
#include "rs.h"
#include <libanole/anole.h>
#include <string.h>

/* What libload needs to make or change the process of a service. */
struct recipe {
    struct load_request request;
    struct process_create create;
    struct startup_page header;
    char strings[PAGE_SIZE];
};

static void create_fill(const struct rs_service *service, struct process_create *create)
{
    *create = (struct process_create){0};
    config_apply_rights(&service->config->rights, create);
    memcpy(create->name, service->name, strnlen(service->name, PROCESS_NAME_LEN - 1));
    if (create->kcalls & KCALL_BIT(PROCESS_CREATE)) {
        config_programs_union(&rs.config, create);
    }
}

static void header_fill(const struct rs_service *service, struct startup_page *header)
{
    const struct rs_service *pm = service_with_kcall(KCALL_PROCESS_CREATE);
    *header = (struct startup_page){
        .rs = startup_page()->self,
        .pm = pm && pm->state == RS_STATE_UP ? pm->endpoint : ENDPOINT_NONE,
        .unit = service->unit,
        .instance = service->starts,
        .fault = service->next_fault,
        .fault_count = service->next_fault_count,
    };
    memcpy(header->name, service->name, sizeof(service->name));
    if (service->device) {
        const struct rs_device_told *told = &service->device->told;
        header->resources = told->description.windows + (told->description.interrupts ? 1u : 0u);
        header->described = told->description;
        memcpy(header->device, told->label, sizeof(header->device));
    }
}

/* argv: the service's name, then the arguments of its node. */
static int strings_fill(const struct rs_service *service, char *strings, size_t room, size_t *len)
{
    const struct config_strings *arguments = &service->config->arguments;
    size_t name_len = strlen(service->name) + 1;
    if (arguments->len > room - name_len) {
        return -ANOLE_ENOSPC;
    }
    memcpy(strings, service->name, name_len);
    if (arguments->len > 0) {
        memcpy(strings + name_len, arguments->data, arguments->len);
    }
    *len = name_len + arguments->len;
    return 0;
}

static int recipe_fill(const struct rs_service *service, struct recipe *recipe)
{
    recipe->request = (struct load_request){
        .image = &rs.image,
        .program = load_find_program(&rs.image, service->program),
        .create = &recipe->create,
        .header = &recipe->header,
        .strings = recipe->strings,
        .stack_bytes = service->config->rights.stack_bytes,
    };
    if (!recipe->request.program) {
        return -ANOLE_ENOENT;
    }
    create_fill(service, &recipe->create);
    recipe->create.flags = recipe->request.program->flags & BOOT_FLOAT ? PROCESS_FLOAT : 0;
    header_fill(service, &recipe->header);
    return strings_fill(service, recipe->strings, sizeof(recipe->strings),
                        &recipe->request.strings_len);
}

static struct recipe recipe;

int process_prepare(const struct rs_service *service, endpoint_t *child)
{
    int error = recipe_fill(service, &recipe);
    return error ? error : load_create(&recipe.request, child);
}

static int resource_add(endpoint_t child, unsigned kind, uint64_t base, uint64_t len)
{
    struct message message = {.word = {child, kind, base, len}};
    return kcall(KCALL_PROCESS_RESOURCE, &message);
}

/* In the order of include/anole/device.h. */
static int resources_add(const struct rs_device_told *told, endpoint_t child)
{
    int error = 0;
    for (unsigned i = 0; i < told->description.windows && !error; i++) {
        error = resource_add(child, RESOURCE_WINDOW, told->windows[i].base,
                             told->windows[i].len_bytes);
    }
    if (!error && told->description.interrupts > 0) {
        error = resource_add(child, RESOURCE_IRQ, told->interrupt, told->description.interrupts);
    }
    return error;
}

int process_launch(const struct rs_service *service, endpoint_t child)
{
    const struct boot_entry *program = load_find_program(&rs.image, service->program);
    int error = program ? 0 : -ANOLE_ENOENT;
    if (!error && service->device) {
        error = resources_add(&service->device->told, child);
    }
    if (error) {
        load_discard(child);
        return error;
    }
    if (service_makes_programs(service) && service->starts > 0) {
        programs_give(child);
    }
    return load_start(program, child);
}

int process_refresh(const struct rs_service *service, endpoint_t child)
{
    int error = recipe_fill(service, &recipe);
    return error ? error : load_startup_write(&recipe.request, child);
}
