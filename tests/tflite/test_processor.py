"""What the processor is called and can do, from what systems say."""

import platform

import pytest

from kerasprune.tflite import Processor, processor, this_processor

SYSTEMS = {
    "an x86 server on Linux": (
        "processor: 0\nmodel name: Some Server CPU @ 2.50GHz\nflags: fpu avx avx2 avx512f avx512_vnni amx_int8\n\n"
        "processor\t: 1\nmodel name\t: Another\nflags\t\t: fpu\n",
        "Some Server CPU @ 2.50GHz",
        ("AVX2", "AVX512F", "AVX512_VNNI", "AMX_INT8"),
        ("AVX512_VNNI", "AMX_INT8"),
    ),
    "an older x86 laptop on Linux": ("model name: Laptop\nflags: fpu avx avx2 fma\n", "Laptop", ("AVX2",), ()),
    "an Arm server on Linux": (
        "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n",
        "implementer 0x41, part 0xd40",
        ("NEON", "dotprod", "i8mm"),
        ("dotprod", "i8mm"),
    ),
    "a small Arm board on Linux": (
        "model name\t: \nFeatures\t: half thumb neon vfpv4\nCPU part\t: 0xd08\n\nModel\t\t: Board 4 Rev 1.4\n",
        "Board 4 Rev 1.4",
        ("NEON",),
        (),
    ),
    "an Arm Mac": (
        "machdep.cpu.brand_string: Apple M2\nhw.optional.neon: 1\nhw.optional.arm.FEAT_DotProd: 1\n"
        "hw.optional.arm.FEAT_I8MM: 0\n",
        "Apple M2",
        ("NEON", "dotprod"),
        ("dotprod",),
    ),
    "an Intel Mac": (
        "machdep.cpu.leaf7_features: RDWRFSGS AVX2 AVX512F\nmachdep.cpu.brand_string: Core i5\nhw.optional.avx2_0: 1\n",
        "Core i5",
        ("AVX2", "AVX512F"),
        (),
    ),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_names_and_instructions_are_read(system, monkeypatch):
    text, name, instructions, int8 = SYSTEMS[system]
    monkeypatch.setattr(processor, "_system_text", lambda: text)
    found = this_processor()
    assert (found.name, found.instructions, found.int8) == (name, instructions, int8)
    assert found.architecture == platform.machine() and found.cores >= 1


def test_what_a_system_does_not_tell_is_not_made_up(monkeypatch):
    monkeypatch.setattr(processor, "_system_text", lambda: "")
    found = this_processor()
    assert found.name and found.instructions is None and found.int8 is None
    assert str(found).endswith("instructions not known)")


def test_in_words():
    assert (
        str(Processor("A", "arm64", 1, ("NEON", "dotprod")))
        == "A (arm64, 1 core; NEON, dotprod; int8 instructions: dotprod)"
    )
    assert str(Processor("B", "x86_64", 4, ("AVX2",))) == "B (x86_64, 4 cores; AVX2; no int8 instructions)"
    assert str(Processor("C", "x86_64", 2, ())) == "C (x86_64, 2 cores; no vector instructions; no int8 instructions)"
