"""Import paths of a person's own code: `package.module:attr`, or `path/to/file.py:attr`.

Everything that can go wrong here is somebody's typing mistake or somebody's own exception, so every error says which
names would have worked, and a traceback begins where their code does.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from harness import errors
from harness.errors import SubjectError, UsageError
from harness.subjects.tracebacks import headline, theirs
from harness.typos import alike, nearest

T = TypeVar("T")


@dataclass(frozen=True)
class ImportPath:
    """A module or file, and the attribute in it (empty if none was said)."""

    target: str
    attr: str = ""

    @classmethod
    def parse(cls, text: str) -> ImportPath:
        """Read `module:attr`. Raises `UsageError` if it cannot be one."""
        target, colon, attr = text.strip().rpartition(":")
        if not colon or "/" in attr or os.sep in attr:  # no colon, or the one of a drive
            target, attr = text.strip(), ""
        names = attr.split(".") if attr else []
        good = _is_file(target) or all(name.isidentifier() for name in target.split("."))
        if not target or not good or not all(name.isidentifier() for name in names):
            raise UsageError(
                f"cannot read {text!r} as an import path: expected `package.module:attribute`"
                " or `path/to/file.py:attribute`"
            )
        return cls(target, attr)

    def __str__(self) -> str:
        return f"{self.target}:{self.attr}" if self.attr else self.target


def load_module(path: ImportPath) -> ModuleType:
    """Import the module or file of a path.

    Raises `SubjectError` if there is none (with the nearest names), or with its own traceback if its import raises.
    """
    name = _name_of_file(Path(path.target)) if _is_file(path.target) else path.target
    return running_theirs(f"importing {path.target!r}", lambda: _import(path, name))


def attribute(module: ModuleType, attr: str) -> Any:
    """The object that `attr` (dotted) names in a module. Raises `AttributeError`."""
    value: Any = module
    for name in attr.split("."):
        value = getattr(value, name)
    return value


def loaded_function(path: str) -> Callable[[], Any]:
    """A function that takes no arguments, by its import path. Raises `UsageError` or `SubjectError` if it is none."""
    where = ImportPath.parse(path)
    try:
        function = attribute(load_module(where), where.attr)
    except AttributeError:
        function = None
    if not callable(function):
        raise SubjectError(f"{path!r} is no function: name one as `package.module:function`")
    return cast("Callable[[], Any]", function)


def running_theirs(doing: str, run: Callable[[], T]) -> T:
    """Run a person's code. What it raises becomes a `SubjectError` with their traceback; errors of ours pass."""
    try:
        return run()
    except (errors.HarnessError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001  SystemExit at import is theirs too
        raise SubjectError(f"{doing} raised {headline(error)}", traceback=theirs(error)) from None


def own_files() -> list[str]:
    """The files of this interpreter's modules that no distribution has installed: a person's own code."""
    return sorted({str(Path(str(module.__file__)).resolve()) for module in own_modules()})


def own_modules() -> list[ModuleType]:
    """This interpreter's modules that are a person's own code. One from no file is none of theirs."""
    return [one for one in [*sys.modules.values()] if is_theirs(str(getattr(one, "__file__", None) or "<"))]


def is_theirs(file: str) -> bool:
    """Whether code from this file is a person's own: no distribution has installed it, and it is none of ours."""
    return not file.startswith((*_installed(tuple(sys.path)), "<"))


def is_own_class(kind: type[Any]) -> bool:
    """Whether a class is a person's own. One from no file is as little that as Python itself."""
    return is_theirs(getattr(sys.modules.get(kind.__module__), "__file__", None) or "<")


@lru_cache(maxsize=1)
def _installed(path: tuple[str, ...]) -> tuple[str, ...]:
    """The folders of what is installed, and our own."""
    installed = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    installed |= {str(Path(folder).resolve()) for folder in path if folder.endswith("-packages")}
    return (*sorted(folder for folder in installed if folder), str(Path(errors.__file__).parent))


def _import(path: ImportPath, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise  # the module is there, and misses something that it needs
        raise SubjectError(_not_found(path, name)) from None


def _not_found(path: ImportPath, name: str) -> str:
    parent, _, last = name.rpartition(".")
    if parent and not path.attr and hasattr(sys.modules.get(parent), last):
        return f"there is no module {name!r}, did you mean '{parent}:{last}'?"
    places = getattr(sys.modules.get(parent), "__path__", []) if parent else ["", *sys.path[:1]]
    known = [f"{parent}.{module.name}" if parent else module.name for module in pkgutil.iter_modules(places)]
    if near := alike(name, known):
        return f"there is no module {name!r} to import, did you mean {near[0]!r}?"
    if not parent:
        return f"there is no module {name!r} to import; it was looked for in {str(Path.cwd())!r} and where Python looks"
    return f"there is no module {name!r} to import" + ("" if known else f"; {parent!r} is no package, or is not there")


def _is_file(target: str) -> bool:
    return target.endswith(".py") or "/" in target or os.sep in target


def _name_of_file(file: Path) -> str:
    """The name under which a file can be imported, by everyone who comes later too (an engine's sandbox, pickle).

    Its folder is put on the path, as `python file.py` does; inside a package it is the folder above the package.
    """
    if not file.is_file():
        folder = file.parent if file.parent.is_dir() else Path()
        raise SubjectError(f"there is no file {str(file)!r}{nearest(file.name, [f.name for f in folder.glob('*.py')])}")
    file = file.resolve()
    folder = folder_above(file)
    names = [*file.parent.relative_to(folder).parts, *([] if file.stem == "__init__" else [file.stem])]
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    name = ".".join(names)
    _check_not_shadowed(file, name)
    return name


def folder_above(file: Path) -> Path:
    """The folder from which a file is imported: its own, or that above its outermost package."""
    return next(folder for folder in file.parents if not (folder / "__init__.py").is_file())


def _check_not_shadowed(file: Path, name: str) -> None:
    importlib.invalidate_caches()
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return  # its package cannot be imported: the import itself will say why
    origin = Path(found.origin) if found and found.origin else None
    if origin is not None and not (origin.exists() and origin.samefile(file)):
        raise SubjectError(
            f"the file {str(file)!r} cannot be imported as {name!r}, because that is {origin};"
            " rename the file, or put it into a package and give its import path"
        )
