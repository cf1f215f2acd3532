"""Write one encoded sample of every message that may cross the bus or lie in a journal.

    uv run tools/golden.py            # add samples of messages and fields that have none yet
    uv run tools/golden.py --check    # fail if one is missing; CI runs this

Samples are never rewritten: what was once written must be decoded for ever (tests/proto/test_golden.py). A message that
gains a field gets a further sample, `<Message>.<n>.bin`, beside its older ones.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "proto" / "golden"
MODULES = sorted(p.stem for p in (ROOT / "proto" / "natter" / "v1").glob("*.proto"))


def sample_value(field: FieldDescriptor) -> object:
    """A value that is not the default, and that shows which field it is."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return f"{field.name}-é" if field.type == FieldDescriptor.TYPE_STRING else f"{field.name}\0".encode()
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return True
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return 1
    return field.number + 1000


def fill(message: Message) -> Message:
    """Set every field, the last of each oneof."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            if value.message_type is None:
                getattr(message, field.name)["key"] = sample_value(value)
            else:
                fill(getattr(message, field.name)["key"])
        elif field.message_type is not None:
            part = getattr(message, field.name)
            fill(part.add() if field.is_repeated else part)
            if not field.is_repeated:
                part.SetInParent()
        elif field.is_repeated:
            getattr(message, field.name).append(sample_value(field))
        else:
            setattr(message, field.name, sample_value(field))
    return message


def descriptors() -> list[Descriptor]:
    """Every top-level message of natter.v1."""
    found: list[Descriptor] = []
    for name in MODULES:
        module = importlib.import_module(f"natter.proto.v1.{name}_pb2")
        found += module.DESCRIPTOR.message_types_by_name.values()
    return found


def samples(descriptor: Descriptor) -> list[Path]:
    """The samples of one message, oldest first."""
    return sorted(GOLDEN.glob(f"{descriptor.name}.*.bin"), key=lambda p: int(p.suffixes[0][1:]))


def known_fields(descriptor: Descriptor) -> set[str]:
    """Which fields some sample sets."""
    found: set[str] = set()
    for path in samples(descriptor):
        message = GetMessageClass(descriptor).FromString(path.read_bytes())
        found |= {field.name for field, _ in message.ListFields()}
    return found


def main() -> int:
    missing = []
    for descriptor in descriptors():
        whole = fill(GetMessageClass(descriptor)())
        if {field.name for field, _ in whole.ListFields()} - known_fields(descriptor):
            missing.append(descriptor.name)
            if "--check" not in sys.argv:
                GOLDEN.mkdir(parents=True, exist_ok=True)
                path = GOLDEN / f"{descriptor.name}.{len(samples(descriptor)) + 1}.bin"
                path.write_bytes(whole.SerializeToString(deterministic=True))
    if "--check" in sys.argv and missing:
        print(f"no golden sample for all fields of: {', '.join(missing)}; run: uv run tools/golden.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
