/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF cores, as QEMU's dump-guest-memory makes them: memory by physical address, a note a
 * processor. */
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "output.h"

/* QEMUCPUState: version and size; 16 general registers, RIP, RFLAGS; ten segments, CS first; CR0 to
 * CR4; in newer ones the kernel's GS base. */
enum {
	NOTE_VERSION = 0,
	NOTE_SIZE = 4,
	NOTE_RSP = 8 + 6 * 8,
	NOTE_RIP = 8 + 16 * 8,
	NOTE_RFLAGS = 8 + 17 * 8,
	NOTE_CS = 8 + 18 * 8,
	NOTE_CR = NOTE_CS + 10 * 24,
	NOTE_END = NOTE_CR + 5 * 8,
};

static bool check_note(const struct image *image, const unsigned char *note, size_t size)
{
	uint64_t version, says;

	if (size < NOTE_END) {
		complain("%s: the note of processor %zu has %zu bytes, too few for its registers",
			 image->name, image->cpu_count, size);
		return false;
	}
	version = little_endian(note + NOTE_VERSION, 4);
	says = little_endian(note + NOTE_SIZE, 4);
	if (version == 1 && says >= NOTE_END && says <= size)
		return true;
	complain("%s: the note of processor %zu has %zu bytes, but says that it is version %" PRIu64
		 " with %" PRIu64 " bytes",
		 image->name, image->cpu_count, size, version, says);
	return false;
}

static bool add_cpu(struct image *image, const unsigned char *note, size_t size)
{
	struct cpu_state *cpus;

	if (!check_note(image, note, size))
		return false;
	cpus = realloc(image->cpus, (image->cpu_count + 1) * sizeof(*cpus));
	if (!cpus) {
		complain("out of memory");
		return false;
	}
	image->cpus = cpus;
	cpus += image->cpu_count++;
	*cpus = (struct cpu_state){
		.rip = little_endian(note + NOTE_RIP, 8),
		.rsp = little_endian(note + NOTE_RSP, 8),
		.rflags = little_endian(note + NOTE_RFLAGS, 8),
		.cs = (uint32_t)little_endian(note + NOTE_CS, 4),
	};
	for (unsigned i = 0; i < 5; i++)
		cpus->cr[i] = little_endian(note + NOTE_CR + 8 * i, 8);
	return true;
}

/* Many headers may name the same notes; all of them together are no more than the file. */
static Elf_Data *find_notes(struct image *image, Elf *elf, const GElf_Phdr *phdr)
{
	uint64_t size = phdr->p_filesz, offset = phdr->p_offset;
	Elf_Data *data = NULL;

	if (offset <= image->size && size <= image->size - offset &&
	    size <= image->size - image->note_bytes)
		data = elf_getdata_rawchunk(elf, (int64_t)offset, size, ELF_T_NHDR);
	image->note_bytes += data ? size : 0;
	if (!data)
		complain("%s: the notes at offset %" PRIu64 " of the file, %" PRIu64
			 " bytes, are not in it, or too often: it is cut off or damaged",
			 image->name, offset, size);
	return data;
}

static bool read_notes(struct image *image, Elf *elf, const GElf_Phdr *phdr)
{
	Elf_Data *data = find_notes(image, elf, phdr);
	size_t at = 0, name, desc, next;
	GElf_Nhdr note;

	if (!data)
		return false;
	for (; (next = gelf_getnote(data, at, &note, &name, &desc)) != 0; at = next) {
		const unsigned char *bytes = data->d_buf;

		if (note.n_namesz != sizeof("QEMU") ||
		    memcmp(bytes + name, "QEMU", sizeof("QEMU")) != 0)
			continue;
		if (!add_cpu(image, bytes + desc, note.n_descsz))
			return false;
	}
	if (at >= data->d_size)
		return true;
	complain("%s: a note reaches beyond the end of the notes, at offset %zu in them",
		 image->name, at);
	return false;
}

static bool read_header(struct image *image, Elf *elf, GElf_Ehdr *header)
{
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, header)) {
		complain("%s: no ELF file, or its header is damaged", image->name);
		return false;
	}
	if (header->e_type != ET_CORE || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    (header->e_machine != EM_X86_64 && header->e_machine != EM_386)) {
		complain("%s: an ELF file, but not a core of an x86 machine", image->name);
		return false;
	}
	image->long_mode = header->e_machine == EM_X86_64;
	return true;
}

static bool read_phdr(struct image *image, Elf *elf, size_t index)
{
	GElf_Phdr phdr;

	if (index > INT32_MAX || !gelf_getphdr(elf, (int)index, &phdr)) {
		complain("%s: program header %zu is not in the file: it is cut off or damaged",
			 image->name, index);
		return false;
	}
	if (phdr.p_type == PT_NOTE)
		return phdr.p_filesz == 0 || read_notes(image, elf, &phdr);
	if (phdr.p_type != PT_LOAD)
		return true;
	return image_add(image, (struct segment){ .first = phdr.p_paddr, .size = phdr.p_filesz },
			 phdr.p_offset);
}

/* What the file says: with PN_XNUM, in its first section header. libelf counts only what fits. */
static size_t claimed_phdrs(Elf *elf, const GElf_Ehdr *header)
{
	Elf_Scn *section;
	GElf_Shdr first;

	if (header->e_phnum != PN_XNUM)
		return header->e_phnum;
	section = elf_getscn(elf, 0);
	return section && gelf_getshdr(section, &first) ? first.sh_info : PN_XNUM;
}

static bool read_core(struct image *image, Elf *elf)
{
	GElf_Ehdr header;
	size_t count;

	if (!read_header(image, elf, &header))
		return false;
	if (elf_getphdrnum(elf, &count) != 0 || count < claimed_phdrs(elf, &header)) {
		complain(
			"%s: the program headers are not all in the file: it is cut off or damaged",
			image->name);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (!read_phdr(image, elf, i))
			return false;
	return true;
}

bool image_read_elf(struct image *image)
{
	Elf *elf;
	bool good;

	elf_version(EV_CURRENT);
	/* libelf only reads what it is given this way. */
	elf = elf_memory((char *)(uintptr_t)image->data, image->size);
	if (!elf) {
		complain("%s: no ELF file, or its header is damaged", image->name);
		return false;
	}
	good = read_core(image, elf);
	elf_end(elf);
	return good;
}
