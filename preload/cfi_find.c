#include "preload/cfi_find.h"

#include "preload/cfi.h"
#include "preload/object.h"

#include <string.h>

/* The entry (CIE or FDE) at AT without its length field; false if it is none. */
static bool open_entry(const uint8_t *at, const uint8_t *cfi_end, struct cfi_cursor *out_entry)
{
    struct cfi_cursor entry = { at, cfi_end, false };
    uint64_t length = cfi_take_bytes(&entry, 4);

    if (length == 0xffffffff)
        length = cfi_take_bytes(&entry, 8);
    if (entry.bad || length == 0 || length > (uint64_t)(cfi_end - entry.at))
        return false;
    entry.end = entry.at + length;
    *out_entry = entry;
    return true;
}

static bool read_cie(const uint8_t *at, struct cfi_description *description)
{
    struct cfi_cursor cie;
    const char *augmentation;
    uint64_t version;

    if (at < description->cfi_start || at >= description->cfi_end ||
        !open_entry(at, description->cfi_end, &cie) || cfi_take_bytes(&cie, 4) != 0)
        return false;
    version = cfi_take_bytes(&cie, 1);
    augmentation = (const char *)cie.at;
    while (cfi_take_bytes(&cie, 1))
        ;
    if (version == 4)
        cfi_skip(&cie, 2); /* sizes of addresses and segments */
    else if (version != 1 && version != 3)
        return false;
    description->code_alignment = cfi_take_uleb(&cie);
    description->data_alignment = cfi_take_sleb(&cie);
    if ((version == 1 ? cfi_take_bytes(&cie, 1) : cfi_take_uleb(&cie)) != CFI_REG_PC || cie.bad)
        return false;
    description->encoding = 0;
    description->signal_frame = false;
    description->augmented = augmentation[0] == 'z';
    if (description->augmented) {
        uint64_t size = cfi_take_uleb(&cie);
        const uint8_t *program;

        if (cie.bad || size > (uint64_t)(cie.end - cie.at))
            return false;
        program = cie.at + size;
        for (const char *letter = augmentation + 1; *letter; letter++) {
            uint8_t encoding;

            switch (*letter) {
            case 'R': description->encoding = (uint8_t)cfi_take_bytes(&cie, 1); break;
            case 'L': cfi_skip(&cie, 1); break;
            case 'P':
                encoding = (uint8_t)cfi_take_bytes(&cie, 1);
                cfi_take_pointer(&cie, encoding & 0x7f, 0);
                break;
            case 'S': description->signal_frame = true; break;
            case 'B': break;
            default: return false;
            }
        }
        if (cie.bad)
            return false;
        cie.at = program;
    } else if (augmentation[0]) {
        return false;
    }
    description->cie_program = cie;
    return true;
}

static bool read_fde(const uint8_t *at, struct cfi_description *description)
{
    struct cfi_cursor fde;
    const uint8_t *pointer;
    uint64_t distance;

    if (at < description->cfi_start || at >= description->cfi_end ||
        !open_entry(at, description->cfi_end, &fde))
        return false;
    description->base = pointer = fde.at;
    distance = cfi_take_bytes(&fde, 4);
    if (fde.bad || distance == 0 || distance > (uint64_t)(pointer - description->cfi_start) ||
        !read_cie(pointer - distance, description))
        return false;
    description->begin = cfi_take_pointer(&fde, description->encoding, 0);
    description->size = cfi_take_pointer(&fde, description->encoding & 0x0f, 0);
    if (description->augmented)
        cfi_skip(&fde, cfi_take_uleb(&fde));
    description->fde_program = fde;
    return !fde.bad;
}

/* The last FDE that begins at or before PC, by the search table of .eh_frame_hdr
 * at HEADER. NULL if there is no such table. */
static const uint8_t *search(const uint8_t *header, const uint8_t *segment_end, uintptr_t pc)
{
    struct cfi_cursor cursor = { header, segment_end, false };
    uint64_t version = cfi_take_bytes(&cursor, 1);
    uint8_t frame_encoding = (uint8_t)cfi_take_bytes(&cursor, 1);
    uint8_t count_encoding = (uint8_t)cfi_take_bytes(&cursor, 1);
    uint8_t table_encoding = (uint8_t)cfi_take_bytes(&cursor, 1);
    int64_t target = (int64_t)(pc - (uintptr_t)header);
    uint64_t count, low = 0, high;
    int32_t entry[2];

    cfi_take_pointer(&cursor, frame_encoding, (uintptr_t)header);
    count = cfi_take_pointer(&cursor, count_encoding, (uintptr_t)header);
    if (cursor.bad || version != 1 || table_encoding != 0x3b /* datarel | sdata4 */ ||
        count > (uint64_t)(segment_end - cursor.at) / sizeof entry)
        return NULL;
    for (high = count; low < high;) { /* low: entries known to begin at or before PC */
        uint64_t middle = low + (high - low) / 2;

        memcpy(entry, cursor.at + middle * sizeof entry, sizeof entry);
        if (entry[0] <= target)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    memcpy(entry, cursor.at + (low - 1) * sizeof entry, sizeof entry);
    return header + entry[1];
}

bool cfi_find(uintptr_t pc, struct cfi_description *out_description, bool *out_module)
{
    const uint8_t **start = &out_description->cfi_start, **end = &out_description->cfi_end, *fde;
    struct object object;

    *out_module = object_find(pc, &object);
    if (!*out_module || !object_segment(&object, object.frame_header, start, end))
        return false;
    fde = search(object.frame_header, *end, pc);
    return fde && object_segment(&object, fde, start, end) && /* it need not be the same */
           read_fde(fde, out_description) && pc >= out_description->begin &&
           pc - out_description->begin < out_description->size;
}

bool cfi_is_before_entry(uintptr_t pc, struct cfi_description *scratch)
{
    bool in_module;

    return cfi_find(pc + 1, scratch, &in_module) && scratch->begin == pc + 1;
}
