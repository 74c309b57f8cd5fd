"""Guests of a few instructions instead of a whole system: each does one thing to its hardware, once, and halts.

What libvirt tells of a fault of the hardware does not hang on who has caused it, and a system takes ten times the
processor time of all else to boot. In: what is to be done. Out: a kernel for `Domain.kernel` (multiboot, flat, 32 bit).
A guest is started paused, and does it when it is resumed.
"""

import struct

_AT = 0x100000
# Memory that a reset leaves as it is: whether this was done already.
_DONE, _MARK = 0x2000000, 0x0DD0E0DD
_TABLE, _STACK = 2048, 0x2100000


def out8(port: int, value: int) -> bytes:
    """mov dx, port; mov al, value; out dx, al."""
    return b"\x66\xba" + struct.pack("<H", port) + b"\xb0" + bytes([value]) + b"\xee"


def out16(port: int, value: int) -> bytes:
    """mov dx, port; mov ax, value; out dx, ax."""
    return b"\x66\xba" + struct.pack("<H", port) + b"\x66\xb8" + struct.pack("<H", value) + b"\x66\xef"


def out32(port: int, value: int) -> bytes:
    """mov dx, port; mov eax, value; out dx, eax."""
    return b"\x66\xba" + struct.pack("<H", port) + b"\xb8" + struct.pack("<I", value) + b"\xef"


WATCHDOG_SLOT = 0x0A
"""The PCI slot where `BARK` looks for the watchdog."""


def _at_watchdog(register: int) -> bytes:
    return out32(0xCF8, 0x80000000 | WATCHDOG_SLOT << 11 | register)


REBOOT = out8(0x64, 0xFE)
"""By the keyboard's controller."""
POWEROFF = out16(0x604, 0x2000)
"""By ACPI's PM1a control, where SeaBIOS puts it."""
PANIC = out8(0x505, 1)
"""By pvpanic."""
BARK = _at_watchdog(0x60) + out16(0xCFC, 7) + _at_watchdog(0x68) + out8(0xCFC, 2)
"""The i6300esb runs out after two seconds: 0x60 scales its time-out from 17 minutes to a second for each of its two
stages, 0x68 arms it."""
OBEY = out16(0x602, 0x100) + b"\x66\xba\x00\x06" + b"\x66\xed\xf6\xc4\x01\x74\xf9" + POWEROFF
"""Looks at the power button (in ax, dx; test ah, 1; jz) until that is pressed, and then does what it asks for."""


def kernel(act: bytes) -> bytes:
    """Does `act` the first time that it is run, and never again. An NMI is taken, and nothing comes of it."""
    magic, flags = 0x1BADB002, 0x10000
    header = struct.pack("<8I", magic, flags, -(magic + flags) & 0xFFFFFFFF, _AT, _AT, 0, 0, _AT + 32)
    ready = b"\xbc" + struct.pack("<I", _STACK) + b"\x0f\x01\x1d" + struct.pack("<I", _AT + _TABLE)
    once = b"\xc7\x05" + struct.pack("<II", _DONE, _MARK) + act
    is_done = b"\x81\x3d" + struct.pack("<II", _DONE, _MARK) + b"\x0f\x84" + struct.pack("<I", len(once))
    code = header + ready + is_done + once
    halt = _AT + len(code)
    # Where its table of interrupts stands, and that with the one of NMIs, which is the third, by the code segment 8.
    table = struct.pack("<HIxx", 23, _AT + _TABLE + 8) + bytes(16)
    table += struct.pack("<HHHH", halt & 0xFFFF, 8, 0x8E00, halt >> 16)
    return (code + b"\xfa\xf4\xeb\xfd").ljust(_TABLE, b"\0") + table.ljust(1024, b"\0")
