"""``livehead models``: list, download, verify and synthesize the FlashHead weights."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from livehead.commands.options import add_settings, settings_from
from livehead.errors import CheckpointError, LiveheadError, UsageError
from livehead.models.inventory import Item, take, verify
from livehead.models.pins import VARIANTS, Pin, of_variants, read_pins
from livehead.models.places import models_folder
from livehead.vendor.sources import PUBLISHED

_DAMAGED = "damaged"


def add(subparsers: Any, common: argparse.ArgumentParser, _words: Sequence[str]) -> None:
    parser = subparsers.add_parser(
        "models", parents=[common], help="list, download, verify and synthesize the FlashHead weights"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(run=run)
        return made

    for name, run, text in (
        ("list", list_files, "show which files belong to which variant, and which of them exist"),
        ("download", download_files, "download a variant's files from the hub; continues where an earlier run stopped"),
        (
            "verify",
            verify_files,
            "read every file and compare it with what was downloaded and what loading expects",
        ),
    ):
        made = command(name, run, text)
        if name != "list":
            made.add_argument(
                "variants", nargs="*", metavar="lite|pro", help="default: lite for download, all that exist for verify"
            )
        add_settings(made, ["models", "vendor_dir"])
        made.add_argument("--pins", type=Path, default=PUBLISHED, help="another list of weights than the published one")
    made = command(
        "synthesize", synthesize, "write random weights in the published layout, for measuring (14.7 GB at full size)"
    )
    made.add_argument("folder", metavar="DIR", type=Path)
    made.add_argument("--tiny", action="store_true", help="a tiny model of 16 MB, for tests on a CPU")
    made.add_argument("--variant", choices=VARIANTS, help="write this variant only (default: both)")


def list_files(args: argparse.Namespace) -> int:
    root = models_folder(settings_from(args).engine)
    print(f"{root.resolve()}")
    for variant in VARIANTS:
        print(f"{variant}:")
        _show(take(of_variants(read_pins(args.pins), [variant]), root))
    return 0


def download_files(args: argparse.Namespace) -> int:
    root = models_folder(settings_from(args).engine)
    pins = of_variants(read_pins(args.pins), _variants(args) or ["lite"])
    # huggingface_hub is an optional dependency, and slow to import.
    download = _optional("livehead.models.download").download
    fetched = download(pins, root)
    print(f"{len(pins)} files in {root.resolve()}, {len(fetched)} of them downloaded now")
    return 0


def verify_files(args: argparse.Namespace) -> int:
    root = models_folder(settings_from(args).engine)
    pins = read_pins(args.pins)
    variants = _variants(args) or [name for name in VARIANTS if _any_there(of_variants(pins, [name]), root, name)]
    if not variants:
        raise CheckpointError(f"There are no weights in {root}. Fetch them with `livehead models download lite`.")
    chosen = of_variants(pins, variants)
    total = sum(path.stat().st_size for path in (root / pin.local for pin in chosen) if path.is_file())
    with tqdm(total=total, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        items = list(verify(chosen, root, bar.update))
    _show(items)
    for item in items:
        if item.state == _DAMAGED:
            path = root / item.pin.local
            raise CheckpointError(
                f"{path} is damaged. Delete it and run `livehead models download {item.pin.variants[0]}`."
            )
    check = _optional("livehead.engine.flashhead.weights.checkpoint").check_files
    for variant in variants:
        check(root, variant)
        print(f"{variant}: all tensors are present and have the right shape")
    return 0


def synthesize(args: argparse.Namespace) -> int:
    plan = _optional("livehead.engine.flashhead.weights.synthesize").SyntheticCheckpoint(
        [args.variant] if args.variant else VARIANTS, tiny=args.tiny
    )
    with tqdm(total=plan.size, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        plan.write(args.folder, bar.update)
    print(f"{args.folder.resolve()}: random weights for {' and '.join(plan.variants)}, {plan.size / 1e6:,.0f} MB")
    return 0


def _show(items: Iterable[Item]) -> None:
    for item in items:
        size = "" if item.size is None else f"{item.size:,}"
        print(f"  {item.pin.local.as_posix():70} {size:>15}  {item.state}")


def _variants(args: argparse.Namespace) -> list[str]:
    for name in args.variants:
        if name not in VARIANTS:
            raise UsageError(f"There is no variant {name!r}. Choose from {', '.join(VARIANTS)}.")
    return list(args.variants)


def _any_there(pins: Iterable[Pin], root: Path, variant: str) -> bool:
    return any((root / pin.local).exists() for pin in pins if pin.variants == (variant,))


def _optional(module: str) -> Any:
    """A module that needs the ``flashhead`` extra, imported when its command runs."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("livehead"):
            raise
        raise LiveheadError(f"This needs {error.name}: pip install 'livehead[flashhead]'") from None
