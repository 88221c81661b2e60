"""The ``livehead`` command. Each subcommand is one module of :mod:`livehead.commands`.

Exit codes: 0 fine, 2 bad usage, 1 anything else, with one line on stderr; ``--debug`` adds the traceback.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import livehead
from livehead import logs
from livehead.commands.chosen import chosen
from livehead.errors import LiveheadError, UsageError

COMMANDS = ("serve", "fleet", "render", "replay", "bench", "models", "vendor", "keys", "doctor")
"""Modules with ``add(subparsers, common, words)``, which sets ``run(args) -> int`` as the parser's default; ``words``
are what follows the command."""


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """It knows the command that ``argv`` begins with, or all of them."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="log everything, and show tracebacks")
    parser = _Parser(prog="livehead", description="Real-time talking-head server.")
    parser.add_argument("--version", action="version", version=f"livehead {livehead.__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Parser)
    for command in chosen(COMMANDS, argv):
        command.add(subparsers, common, argv[1:])
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    args = build_parser(given).parse_args(given)
    logs.configure(debug=args.debug)
    try:
        return int(args.run(args))
    except UsageError as error:
        return _fail(2, str(error), args.debug)
    except LiveheadError as error:
        return _fail(1, str(error), args.debug)
    except KeyboardInterrupt:
        return _fail(1, "interrupted", args.debug)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a user sees a line, not a traceback
        return _fail(1, f"{type(error).__name__}: {error} (a fault of livehead; --debug shows where)", args.debug)


def _fail(code: int, message: str, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"livehead: {' '.join(message.split())}", file=sys.stderr)
    return code
