"""What a template makes of a page, worked out from its syntax tree without rendering it.

Only what a rule asks for: how often some markup can appear at least and at most, over every branch, with the
blocks of the templates that it extends replaced by its own. Sources are given as path → text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jinja2 import Environment, nodes

ENVIRONMENT = Environment(autoescape=True, extensions=["jinja2.ext.i18n", "jinja2.ext.do"])
KIT = "clients/relying_party/templates"

Sources = Mapping[str, str]


@dataclass(frozen=True)
class Count:
    """How often something appears, at least and at most."""

    least: int = 0
    most: int = 0

    def __add__(self, other: "Count") -> "Count":
        """Add what comes one after the other."""
        return Count(self.least + other.least, self.most + other.most)

    def __or__(self, other: "Count") -> "Count":
        """Join what comes in either of two branches."""
        return Count(min(self.least, other.least), max(self.most, other.most))


def find_template(name: str, sources: Sources, *, beside: str) -> str | None:
    """Return the path of the template that ``beside`` calls ``name``, or None: its own, or the kit's."""
    own = beside.partition("templates/")[0] + "templates"
    candidates = (f"{own}/{name}", f"{KIT}/{name}") if own != "templates" else (f"{own}/{name}",)
    return next((path for path in candidates if path in sources), None)


def parent_of(path: str, sources: Sources) -> str | None:
    """Return the path of the template that this one extends."""
    extends = ENVIRONMENT.parse(sources[path]).find(nodes.Extends)
    if extends is None or not isinstance(extends.template, nodes.Const):
        return None
    return find_template(extends.template.value, sources, beside=path)


def pages(sources: Sources) -> list[str]:
    """Return the templates that make a whole document and that no other template extends."""
    everything = [path for path in sources if path.endswith(".html")]
    frames = {parent_of(path, sources) for path in everything}
    return [path for path in everything if path not in frames and count("<html", path, sources).most]


def count(markup: str, path: str, sources: Sources) -> Count:
    """Return how often the markup appears in the page that this template makes."""
    line = [path]
    while (parent := parent_of(line[-1], sources)) is not None:
        line.append(parent)
    trees = [ENVIRONMENT.parse(sources[ancestor]) for ancestor in line]
    blocks: dict[str, list[nodes.Block]] = {}
    for tree in trees:
        for block in tree.find_all(nodes.Block):
            blocks.setdefault(block.name, []).append(block)
    return _Counter(markup, path=path, sources=sources, blocks=blocks).of(trees[-1].body, levels={})


@dataclass(frozen=True)
class _Counter:
    markup: str
    path: str
    sources: Sources
    blocks: dict[str, list[nodes.Block]]

    def of(self, body: Iterable[nodes.Node], *, levels: dict[str, int]) -> Count:
        """Count in a row of nodes; ``levels`` tells which ancestor's version of each open block this is."""
        return sum((self.of_node(node, levels=levels) for node in body), Count())

    def of_node(self, node: nodes.Node, *, levels: dict[str, int]) -> Count:
        match node:
            case nodes.TemplateData():
                times = node.data.lower().count(self.markup)
                return Count(times, times)
            case nodes.If():
                total = self.of(node.body, levels=levels) | self.of(node.else_, levels=levels)
                for other in node.elif_:
                    total |= self.of(other.body, levels=levels)
                return total
            case nodes.For():
                most = self.of(node.body, levels=levels).most
                return Count(0, 2 * most) | self.of(node.else_, levels=levels)
            case nodes.Block():
                return self.of_block(node.name, level=0, levels=levels)
            case nodes.Call(node=nodes.Name(name="super")):
                name = next(reversed(levels))
                return self.of_block(name, level=levels[name] + 1, levels=levels)
            case nodes.Include(template=nodes.Const(value=name)):
                included = find_template(name, self.sources, beside=self.path)
                return count(self.markup, included, self.sources) if included else Count()
            case nodes.Macro():
                return Count()  # counted where it is called: nowhere, for a macro makes no heading of a page
            case _:
                return self.of(node.iter_child_nodes(), levels=levels)

    def of_block(self, name: str, *, level: int, levels: dict[str, int]) -> Count:
        inner = {key: value for key, value in levels.items() if key != name} | {name: level}
        return self.of(self.blocks[name][level].body, levels=inner)
