"""A checkpoint or an export with a changed bit, or cut off, is named or changes nothing; it never is other weights."""

import json
import random
import struct
import zipfile
from pathlib import Path

import pytest
import torch

import tendency
from tendency.app.runs.checkpoint_reader import load_stepper, read_checkpoint
from tendency.app.runs.exported_files import DIGEST, RECIPE, WEIGHTS, read_export, write_export
from tendency.errors import ArtefactError
from tendency.trainers.checkpoint import AtomicCheckpointIO
from tendency.trainers.checkpoint_archive import ArchiveError

OLD = Path(__file__).parent / "first_layout"
RUN = OLD / "outputs" / "fno-derivative"
FILES = ("best.ckpt", WEIGHTS, RECIPE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The three files as they were written, and what they say."""
    folder = tmp_path_factory.mktemp("whole")
    stored = read_checkpoint(RUN)
    write_export(folder, stored.recipe, stored.weights)
    files = {name: (folder / name).read_bytes() for name in (WEIGHTS, RECIPE)}
    return files | {"best.ckpt": stored.path.read_bytes(), "meaning": meaning(tendency.load_surrogate(RUN))}


def meaning(surrogate):
    weights = {name: value.numpy().tobytes() for name, value in surrogate.stepper.state_dict().items()}
    return weights, surrogate.recipe.to_dict()


def outcome(whole, folder, name, content):
    """What comes of one file with other bytes: named, harmless, or silent."""
    folder.mkdir(exist_ok=True)
    for other in (WEIGHTS, RECIPE):
        (folder / other).write_bytes(content if other == name else whole[other])
    (folder / "best.ckpt").write_bytes(content)
    try:
        surrogate = tendency.load_surrogate(folder / name if name == "best.ckpt" else folder)
    except ArtefactError as error:
        return "named" if str(folder) in str(error) else f"no name in {error}"
    return "harmless" if meaning(surrogate) == whole["meaning"] else "silent"


def flipped(content, number, seed):
    draw = random.Random(seed)
    for _ in range(number):
        at = draw.randrange(8 * len(content))
        changed = bytearray(content)
        changed[at // 8] ^= 1 << at % 8
        yield bytes(changed)


def cuts(content):
    """At the ends, in the middle, and at the boundaries of headers."""
    size = len(content)
    places = {
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        16,
        30,
        64,
        size // 4,
        size // 2,
        3 * size // 4,
        size - 22,
        size - 4,
        size - 2,
        size - 1,
    }
    places |= {i for i in range(size) if content[i : i + 4] in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")}
    if not content.startswith((b"PK", b"{")):
        places.add(8 + struct.unpack("<Q", content[:8])[0])
    return [content[:place] for place in sorted(places) if 0 <= place < size]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("number", [6, pytest.param(100, marks=pytest.mark.slow)])
def test_a_changed_bit_never_is_another_surrogate(whole, tmp_path, name, number):
    found = [outcome(whole, tmp_path / "a", name, content) for content in flipped(whole[name], number, seed=number)]
    counts = {kind: found.count(kind) for kind in ("named", "harmless", "silent")}
    print(f"{name}: {number} bits changed: {counts}")
    assert counts["silent"] == 0
    assert counts["named"] > 0
    assert sum(counts.values()) == number


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_is_named(whole, tmp_path, name):
    pieces = cuts(whole[name])
    found = [outcome(whole, tmp_path / "a", name, content) for content in pieces]
    print(f"{name}: {len(pieces)} cuts: {found.count('named')} named, {found.count('harmless')} harmless")
    assert len(pieces) >= 16
    assert set(found) <= {"named", "harmless"}
    # A text may lose its last newline.
    assert found.count("harmless") <= (name == RECIPE)


def test_a_run_goes_on_from_no_damaged_checkpoint(whole, tmp_path):
    weights = max(read_checkpoint(RUN).weights.values(), key=torch.Tensor.numel).numpy().tobytes()
    changed = bytearray(whole["best.ckpt"])
    changed[whole["best.ckpt"].index(weights) + len(weights) // 2] ^= 1
    (tmp_path / "last.ckpt").write_bytes(changed)
    with pytest.raises(ArchiveError, match=r"last.ckpt: damaged.*\(the checksum of"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")
    with pytest.raises(ArtefactError, match=r"last.ckpt: damaged.*\(the checksum of"):
        load_stepper(tmp_path / "last.ckpt")


def test_files_of_two_exports_are_not_taken_for_one(whole, tmp_path):
    stored = read_checkpoint(RUN)
    other = {name: value * 2 if value.is_floating_point() else value for name, value in stored.weights.items()}
    write_export(tmp_path, stored.recipe, other)
    (tmp_path / RECIPE).write_bytes(whole[RECIPE])
    with pytest.raises(ArtefactError, match="not as they were written together"):
        tendency.load_surrogate(tmp_path)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("form", ["checkpoint", "export"])
def test_weights_and_units_that_are_not_finite_are_refused(tmp_path, form, value):
    for name in ("normalizer.fields.mean", next(iter(read_checkpoint(RUN).weights))):
        stored = read_checkpoint(RUN)
        stored.weights[name].view(-1)[0] = value
        if form == "export":
            write_export(tmp_path, stored.recipe, stored.weights)
            path = tmp_path
        else:
            path = tmp_path / "a.ckpt"
            weights = {f"stepper.{key}": tensor for key, tensor in stored.weights.items()}
            torch.save({"recipe": stored.recipe.to_dict(), "state_dict": weights}, path)
        with pytest.raises(ArtefactError, match=f"damaged, 1 of the [0-9]+ numbers in {name} are not finite"):
            tendency.load_surrogate(path)


def test_a_compressed_archive_and_one_with_two_members_of_a_name_are_refused(whole, tmp_path):
    path = tmp_path / "a.ckpt"
    with zipfile.ZipFile(RUN / "checkpoints" / "best.ckpt") as source:
        for compression, message in ((zipfile.ZIP_DEFLATED, "compressed"), (zipfile.ZIP_STORED, "one name")):
            with zipfile.ZipFile(path, "w", compression) as target:
                for member in source.namelist():
                    target.writestr(member, source.read(member))
                if compression == zipfile.ZIP_STORED:
                    with pytest.warns(UserWarning, match="Duplicate"):
                        target.writestr(member, b"x")
            with pytest.raises(ArtefactError, match=message):
                load_stepper(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(1).expand(10**12), r"shape \(1000000000000,\), and the file holds 1 numbers of it"),
        (torch.zeros(2, 2).to_sparse(), "expected a tensor"),
        ("x", "expected a tensor as .*, got a str"),
        (None, "expected a tensor as .*, got a NoneType"),
    ],
)
def test_what_is_no_plain_tensor_is_refused(tmp_path, value, message):
    content = torch.load(RUN / "checkpoints" / "best.ckpt", weights_only=True)
    name = max(content["state_dict"], key=lambda name: content["state_dict"][name].numel())
    content["state_dict"][name] = value
    torch.save({key: content[key] for key in ("recipe", "state_dict")}, tmp_path / "a.ckpt")
    with pytest.raises(ArtefactError, match=message):
        load_stepper(tmp_path / "a.ckpt")


def test_an_export_without_a_digest_loads(whole, tmp_path):
    for name in (WEIGHTS, RECIPE):
        (tmp_path / name).write_bytes(whole[name])
    content = json.loads((tmp_path / RECIPE).read_text())
    del content[DIGEST]
    (tmp_path / RECIPE).write_text(json.dumps(content))
    assert meaning(tendency.load_surrogate(tmp_path)) == whole["meaning"]
    recipe, _ = read_export(tmp_path)
    assert recipe.dataset == whole["meaning"][1]["dataset"]


WEIGHT, STD = "surrogate.frame.lift.0.weight", "normalizer.outputs.std"
SAVED_AGAIN = {
    "half precision": (WEIGHT, lambda x: x.half(), "expected .*float32 as the others, got torch.float16"),
    "bfloat16": (WEIGHT, lambda x: x.bfloat16(), "as the others, got torch.bfloat16"),
    "eight bits": (WEIGHT, lambda x: x.to(torch.float8_e4m3fn), "as the others, got torch.float8_e4m3fn"),
    "complex": (WEIGHT, lambda x: x + 1j, "as the others, got torch.complex64"),
    "double": (WEIGHT, lambda x: x.double(), "got torch.float"),
    "integer": (WEIGHT, lambda x: x.long(), "as the others, got torch.int64"),
    "units in half precision": (STD, lambda x: x.half(), "normalizer.outputs.std in .*, got torch.float16"),
    "integer units": (STD, lambda x: x.long(), "normalizer.outputs.std in .*, got torch.int64"),
    "negative units": (STD, lambda x: -x, "expected normalizer.outputs.std to be positive, got -"),
    "units of zero": (STD, lambda x: 0 * x, "expected normalizer.outputs.std to be positive, got zero"),
}


@pytest.mark.parametrize("case", SAVED_AGAIN)
def test_weights_that_were_rounded_and_impossible_units_are_refused(tmp_path, case):
    name, change, expected = SAVED_AGAIN[case]
    stored = read_checkpoint(RUN)
    weights = {f"stepper.{key}": change(x) if key == name else x for key, x in stored.weights.items()}
    torch.save({"recipe": stored.recipe.to_dict(), "state_dict": weights}, tmp_path / "a.ckpt")
    with pytest.raises(ArtefactError, match=expected):
        tendency.load_surrogate(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ({"extent": [{"value": 10**400}]}, r"run: extent\[0\].value: "),
        ({"extent": [{"value": -1.0}]}, r"run: extent\[0\].value: "),
        ({"parameters": {"diffusivity": {"value": 10**400}}}, "run: parameters.diffusivity.value: "),
        ({"parameters": {"diffusivity": {"value": float("nan")}}}, "run: parameters.diffusivity.value: "),
    ],
)
def test_constants_that_are_no_numbers_to_calculate_with_are_refused(tmp_path, problem, expected):
    content = torch.load(RUN / "checkpoints" / "best.ckpt", weights_only=True)
    content["recipe"]["run"] = {"pde": problem}
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(ArtefactError, match=f"damaged .{expected}"):
        tendency.load_surrogate(tmp_path / "a.ckpt")
