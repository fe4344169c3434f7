from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SubjectError, UsageError
from harness.subjects.importing import ImportPath, attribute, load_module

Project = Callable[..., Path]


def load(text: str) -> object:
    path = ImportPath.parse(text)
    return attribute(load_module(path), path.attr)


@pytest.mark.parametrize(
    ("text", "target", "attr"),
    [
        ("shop:agent", "shop", "agent"),
        ("a.b.c:d.e", "a.b.c", "d.e"),
        ("shop", "shop", ""),
        (" shop:agent ", "shop", "agent"),
        ("agents/shop.py:agent", "agents/shop.py", "agent"),
        ("./shop.py", "./shop.py", ""),
        ("C:/agents/shop.py", "C:/agents/shop.py", ""),
        ("my-agents/shop.py:agent", "my-agents/shop.py", "agent"),
    ],
)
def test_a_path_is_read_as_module_or_file_and_attribute(text: str, target: str, attr: str) -> None:
    assert ImportPath.parse(text) == ImportPath(target, attr)


@pytest.mark.parametrize("text", ["", ":agent", "a b:c", "shop:a-b", "shop..x:a", "shop:a..b", "1shop:a", "shop:f()"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot read .* as an import path: expected `package.module:attribute`"):
        ImportPath.parse(text)


def test_a_module_and_a_nested_attribute_are_found(project: Project) -> None:
    project({"shop/orders": "class Box:\n    inner = 5\nbox = Box()"})

    assert load("shop.orders:box.inner") == 5


def test_a_file_is_imported_under_a_name_that_others_can_import(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project({"agents/sub/shop_by_file": "value = __name__"})
    monkeypatch.chdir("/")

    name = load(f"{folder}/agents/sub/shop_by_file.py:value")

    assert name == "shop_by_file"
    assert __import__("shop_by_file").value == name


def test_a_file_inside_a_package_keeps_its_relative_imports(project: Project) -> None:
    project(
        {
            "pack/__init__": "",
            "pack/deep/__init__": "",
            "pack/deep/shop": "from ..tax import rate",
            "pack/tax": "rate = 7",
        }
    )

    assert load("pack/deep/shop.py:rate") == 7
    assert "pack.deep.shop" in sys.modules


def test_a_file_that_another_module_hides_is_refused(project: Project) -> None:
    project({"elsewhere/json": "agent = 1"})

    with pytest.raises(
        SubjectError, match=r"json.py' cannot be imported as 'json', because that is .*; rename the file"
    ):
        load("elsewhere/json.py:agent")


MISSING = {
    "module": ("shopp:agent", "there is no module 'shopp' to import, did you mean 'shop'?"),
    "submodule": ("pack.ordrs:agent", "there is no module 'pack.ordrs' to import, did you mean 'pack.orders'?"),
    "parent": ("pakc.orders:agent", "there is no module 'pakc.orders' to import"),
    "dot for colon": ("shop.agent", "there is no module 'shop.agent', did you mean 'shop:agent'?"),
    "no package": ("shop.agent:x", "there is no module 'shop.agent' to import; 'shop' is no package"),
    "file": ("shp.py:agent", "there is no file 'shp.py', did you mean 'shop.py'?"),
    "folder": ("nowhere/shop.py:agent", "there is no file 'nowhere/shop.py', did you mean 'shop.py'?"),
}


@pytest.mark.parametrize(("text", "message"), MISSING.values(), ids=MISSING.keys())
def test_what_is_not_there_is_named_with_the_nearest_name(text: str, message: str, project: Project) -> None:
    project({"pack/__init__": "", "pack/orders": ""}, shop="agent = 1")

    with pytest.raises(SubjectError) as caught:
        load(text)

    assert str(caught.value).startswith(message)
    assert caught.value.traceback is None


RAISING = {
    "exception": ("def fail():\n    raise RuntimeError('no database')\nfail()", "RuntimeError: no database"),
    "exit": ("import sys\nsys.exit('usage: shop')", "SystemExit: usage: shop"),
    "syntax": ("agent = = 1", "SyntaxError: invalid syntax"),
    "missing package": ("import not_installed_here", "ModuleNotFoundError: No module named 'not_installed_here'"),
    "missing name": ("from json import nothing_there", "ImportError: cannot import name 'nothing_there' from 'json'"),
}


@pytest.mark.parametrize(("text", "headline"), RAISING.values(), ids=RAISING.keys())
def test_an_import_that_raises_shows_its_own_traceback_once(text: str, headline: str, project: Project) -> None:
    project(shop=text)

    with pytest.raises(SubjectError) as caught:
        load("shop:agent")

    assert str(caught.value).startswith(f"importing 'shop' raised {headline}")
    traceback = caught.value.traceback or ""
    assert "shop.py" in traceback
    assert traceback.count("Traceback (most recent call last)") <= 1
    assert traceback.count(headline.split(":")[1]) == 1
    assert "harness/subjects" not in traceback
    assert "importlib" not in traceback


def test_import_hooks_of_others_are_not_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hook(SourceFileLoader):
        def source_to_code(self, *args: Any, **kwargs: Any) -> Any:
            return super().source_to_code(*args, **kwargs)

    folder = project(shop_hooked="import shop_hooked_too", shop_hooked_too="agent = = 1")
    hook = FileFinder.path_hook((Hook, [".py"]))
    monkeypatch.setattr(sys, "path_hooks", [hook, *sys.path_hooks])
    monkeypatch.delitem(sys.path_importer_cache, str(folder), raising=False)

    with pytest.raises(SubjectError) as caught:
        load("shop_hooked:agent")

    traceback = caught.value.traceback or ""
    assert "source_to_code" not in traceback
    assert traceback.index("import shop_hooked_too") < traceback.index("agent = = 1")


def test_the_cause_of_what_an_import_raises_is_cut_too(project: Project) -> None:
    project(shop="try:\n    import shop_broken\nexcept ValueError as e:\n    raise RuntimeError('outer') from e",
            shop_broken="raise ValueError('inner')")  # fmt: skip

    with pytest.raises(SubjectError) as caught:
        load("shop:agent")

    traceback = caught.value.traceback or ""
    assert traceback.index("ValueError: inner") < traceback.index("RuntimeError: outer")
    assert "importlib" not in traceback


def test_interrupting_an_import_is_not_the_subjects_fault(project: Project) -> None:
    project(shop="raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        load("shop:agent")
