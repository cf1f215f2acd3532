"""What was once written is decoded for ever: every golden sample, with every field that it set."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

ROOT = Path(__file__).parent.parent.parent
SAMPLES = sorted((ROOT / "proto" / "golden").glob("*.bin"))
CLASSES = {
    name: GetMessageClass(descriptor)
    for path in (ROOT / "proto" / "natter" / "v1").glob("*.proto")
    for name, descriptor in importlib.import_module(
        f"natter.proto.v1.{path.stem}_pb2"
    ).DESCRIPTOR.message_types_by_name.items()
}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_a_sample_is_decoded_and_encoded_to_the_same_bytes(path: Path) -> None:
    message = CLASSES[path.name.partition(".")[0]].FromString(path.read_bytes())
    assert message.ListFields()
    # A field that was renumbered or changed its type would be lost or land among the unknown ones.
    known = CLASSES[path.name.partition(".")[0]]()
    for field, _ in message.ListFields():
        assert field.name in known.DESCRIPTOR.fields_by_name
    text = str(message)
    assert not any(line.strip()[:1].isdigit() for line in text.splitlines()), f"unknown fields in\n{text}"
    assert message.SerializeToString(deterministic=True) == path.read_bytes()


def later(message: Message) -> Message:
    """As a later version would say it: with fields that this one does not know, in every message inside, too."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            parts = list(value.values()) if field.message_type.fields_by_name["value"].message_type else []
        else:
            parts = list(value) if field.is_repeated else [value]
        for part in parts:
            later(part)
    # A number and a text, far above all that are in use.
    message.MergeFromString(b"\x80\xf1\x04\x07" + b"\x8a\xf1\x04\x05later")
    return message


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_what_a_later_version_adds_is_kept(path: Path) -> None:
    kind = CLASSES[path.name.partition(".")[0]]
    known = kind.FromString(path.read_bytes())
    received = later(kind.FromString(path.read_bytes())).SerializeToString(deterministic=True)
    assert received != path.read_bytes()
    message = kind.FromString(received)
    copied = kind()
    copied.CopyFrom(message)
    for each in (message, copied):
        assert each.ListFields() != [] and each.SerializeToString(deterministic=True) == received
        # What is known of it is what it was.
        each.DiscardUnknownFields()
        assert each == known


@pytest.mark.parametrize("tool", ["golden.py", "proto.py"])
def test_nothing_is_stale(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / tool, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
