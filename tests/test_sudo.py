"""What runs with all rights: every place stands in docs/security.md, with the reason why
nothing leaks there."""

import ast
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDONS = ROOT / "addons"
SECURITY = ROOT / "docs" / "security.md"
# A row of the table: the place, and what is done there.
ROW = re.compile(
    r"^\| `(sales_funnel_[\w/]+\.py)` \| `([\w.]+)` \| (.+) \|$", re.MULTILINE
)
LEAST_WORDS = 4


def _is_sudo(node):
    """Whether a call takes all rights: ``sudo()``, ``su=True``, ``compute_sudo=True``."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr == "sudo":
        given = [ast.unparse(argument) for argument in node.args]
        return given != ["False"]
    return any(
        keyword.arg in ("su", "compute_sudo") and ast.unparse(keyword.value) != "False"
        for keyword in node.keywords
    )


def _find_places(path):
    """Yield class and function, and the line, of each place in a file."""

    def look(node, names):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [*names, node.name]
        if _is_sudo(node):
            yield ".".join(names), node.lineno
        for child in ast.iter_child_nodes(node):
            yield from look(child, names)

    yield from look(ast.parse(path.read_text(encoding="utf-8")), [])


def _find_all_places():
    for path in sorted(ADDONS.rglob("*.py")):
        place = path.relative_to(ADDONS)
        if not {"tests", "demo"} & set(place.parts):
            for name, line in _find_places(path):
                yield place, name, line


class TestSudo(unittest.TestCase):
    def test_every_place_is_listed(self):
        listed = {
            (place, name): reason
            for place, name, reason in ROW.findall(SECURITY.read_text(encoding="utf-8"))
        }
        found = {(str(place), name) for place, name, _line in _find_all_places()}
        self.assertGreater(len(found), 30)
        self.assertEqual(found - set(listed), set(), "not in docs/security.md")
        self.assertEqual(set(listed) - found, set(), "no longer there")
        for place, reason in listed.items():
            self.assertGreaterEqual(len(reason.split()), LEAST_WORDS, place)

    def test_every_place_says_why(self):
        """The reason stands in the code, too, not far above."""
        for place, name, number in _find_all_places():
            lines = (ADDONS / place).read_text(encoding="utf-8").splitlines()
            above = "\n".join(lines[max(0, number - 15) : number])
            self.assertRegex(
                above, r"# sudo:|with sudo|compute_sudo", f"{place} {name}"
            )

    def test_a_new_place_is_found(self):
        tree = ast.parse("class A:\n def f(self):\n  return self.sudo().x, g(su=True)")
        calls = [node for node in ast.walk(tree) if _is_sudo(node)]
        self.assertEqual(len(calls), 2)

    def test_no_template_takes_rights(self):
        for path in ADDONS.rglob("*.xml"):
            self.assertNotIn("sudo(", path.read_text(encoding="utf-8"), path)
